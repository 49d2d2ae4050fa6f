"""Reads on users and their keys.

`user_id_of_key` and `user_id_of_subject` are asked before it is known whose request it is, so they
look at every tenant; whatever follows is asked as the user they name.
"""

import uuid
from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from apps.accounts.credentials import Access, CredentialKind
from apps.accounts.key_secrets import digest_of, looks_like_secret
from apps.accounts.models import ApiKey, Scope, User
from apps.core.errors import NotFound


def user_id_of_key(*, secret: str) -> uuid.UUID | None:
    """Return whose key has this secret, be it still good or not."""
    if not looks_like_secret(secret):
        return None
    return ApiKey.objects.filter(digest=digest_of(secret)).values_list("user_id", flat=True).first()


def user_id_of_subject(*, subject: str) -> uuid.UUID | None:
    """Return whose account signs in as `subject` at the provider."""
    return User.objects.filter(oidc_subject=subject).values_list("id", flat=True).first()


def find_key(*, user_id: uuid.UUID, secret: str) -> ApiKey | None:
    """Return the usable key of an active user with this secret, the user loaded with it."""
    return (
        _usable(ApiKey.objects.filter(user=user_id))
        .select_related("user")
        .filter(digest=digest_of(secret), user__is_active=True)
        .first()
    )


def find_active_user(*, user_id: uuid.UUID) -> User | None:
    """Return the user of that id unless they were turned away."""
    return User.objects.filter(id=user_id, is_active=True).first()


def list_keys(*, user: User) -> QuerySet[ApiKey]:
    """List the keys of `user` that are not revoked, newest first; expired ones are shown."""
    return ApiKey.objects.filter(user=user, revoked_at__isnull=True).order_by("-created_at", "-id")


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
    """Say whether `access` is as good as when it was given, and has `scope`; one query."""
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
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(access.session_key)
    return get_user(request) == access.user


def _usable(keys: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
    return keys.filter(revoked_at__isnull=True).filter(
        Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now())
    )
