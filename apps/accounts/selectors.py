"""Reads on users and their keys.

Those by e-mail, subject, id and secret look someone up before it is known whose request it is;
whatever follows is asked as the user they name.
"""

import uuid
from collections.abc import Iterable
from importlib import import_module

from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.accounts.credentials import Access, CredentialKind
from apps.accounts.key_secrets import digest_of, looks_like_secret
from apps.accounts.models import ApiKey, Scope, User
from apps.accounts.sessions import user_in
from apps.core.errors import NotFound
from apps.core.tenancy import enter_tenant, tenant_scope

_USER_FIELDS = ", ".join(str(field.column) for field in User._meta.concrete_fields)
_USER_BY_ID = f"SELECT {_USER_FIELDS} FROM accounts_user WHERE id = %s"  # noqa: S608  # nosec B608


def account_by_email(*, email: str) -> User | None:
    """Return the account of an address, whatever its case, confirmed or not."""
    user_id = user_id_of_email(email=email)
    user = account_by_id(user_id=user_id) if user_id else None
    # UPPER makes one letter of two ("ı" and "i" both become "I"): an address that merely looks
    # like another one is not that address.
    if user is None or user.email.casefold() != email.casefold():
        return None
    return user


def account_by_subject(*, subject: str) -> User | None:
    """Return the account that signs in as `subject` at the provider."""
    user_id = user_id_of_subject(subject=subject)
    return account_by_id(user_id=user_id) if user_id else None


def account_by_id(*, user_id: uuid.UUID) -> User | None:
    """Return an account by the key that a signed link carries."""
    with tenant_scope(user_id):
        return User.objects.filter(pk=user_id).first()


def user_of_session(*, user_id: uuid.UUID) -> User | None:
    """Return who has a session, unless blocked since; called within that tenant's scope."""
    # Each request asks it: Django would take longer to build the statement than to run it.
    users = User.objects.raw(_USER_BY_ID, [user_id])
    return next((user for user in users if may_sign_in(user)), None)


def may_sign_in(user: User) -> bool:
    """Tell whether `user` may have a session: not blocked, and with a confirmed address."""
    return user.is_active and user.email_verified


def user_id_of_email(*, email: str) -> uuid.UUID | None:
    """Return whose e-mail this is, whatever its case."""
    return _look_up("SELECT easel_user_id_of_email(%s)", email)


def user_id_of_subject(*, subject: str) -> uuid.UUID | None:
    """Return who signs in as `subject` at the provider."""
    return _look_up("SELECT easel_user_id_of_subject(%s)", subject)


def enter_by_key(*, secret: str) -> ApiKey | None:
    """Return the usable key with this secret, its active user loaded with it.

    If there is one, the rest of the transaction is that of its user; two queries.
    """
    if not looks_like_secret(secret):
        return None
    digest = digest_of(secret)
    if _look_up("SELECT easel_enter_by_key(%s)", digest) is None:
        return None
    return (
        _usable(ApiKey.objects.filter(digest=digest))
        .select_related("user")
        .filter(user__is_active=True)
        .first()
    )


def enter_by_subject(*, subject: str) -> User | None:
    """Return the active user who is `subject` at the provider, and enter that tenant."""
    user_id = user_id_of_subject(subject=subject)
    if user_id is None:
        return None
    enter_tenant(user_id)
    return User.objects.filter(id=user_id, is_active=True).first()


def list_keys(*, user: User) -> QuerySet[ApiKey]:
    """List the keys of `user` that are not revoked, newest first; expired ones are shown."""
    return ApiKey.objects.filter(user=user, revoked_at__isnull=True).order_by("-created_at", "-id")


def names_of_keys(
    *, user_id: uuid.UUID, key_ids: Iterable[uuid.UUID | None]
) -> dict[uuid.UUID, str]:
    """Return the names of some keys, revoked ones too; one query, or none without keys."""
    wanted = {key_id for key_id in key_ids if key_id is not None}
    if not wanted:
        return {}
    return dict(ApiKey.objects.filter(user=user_id, id__in=wanted).values_list("id", "name"))


def get_key(*, user: User, key_id: uuid.UUID) -> ApiKey:
    """Return a key of `user` that is not revoked.

    Raises:
        NotFound: there is none of that id, or it is somebody else's.
    """
    key = list_keys(user=user).filter(id=key_id).first()
    if key is None:
        raise NotFound
    return key


def still_holds(*, access: Access, scope: Scope) -> bool:
    """Say whether `access` is as good as when it was given, and has `scope`; one query.

    Called within the scope of the user it is of.
    """
    credential = access.credential
    if credential.kind == CredentialKind.SESSION:
        return _session_holds(access)
    if credential.api_key is not None:
        keys = _usable(list_keys(user=access.user)).filter(id=credential.api_key.id)
        return keys.filter(user__is_active=True, scopes__contains=[scope]).exists()
    if credential.expires_at is None or credential.expires_at <= timezone.now():
        return False
    return User.objects.filter(id=access.user.id, is_active=True).exists()


def _session_holds(access: Access) -> bool:
    # Read anew, since a socket's scope keeps what the session was when it was opened.
    session = import_module(settings.SESSION_ENGINE).SessionStore(access.session_key)
    return user_in(session) == access.user


def _usable(keys: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
    return keys.filter(revoked_at__isnull=True).filter(
        Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now())
    )


def _look_up(query: str, value: str) -> uuid.UUID | None:
    with connection.cursor() as cursor:
        cursor.execute(query, [value])
        found: uuid.UUID | None = cursor.fetchone()[0]
    return found
