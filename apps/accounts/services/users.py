"""Writes on users."""

import re
import uuid
from typing import Any

import structlog
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from apps.accounts import mail
from apps.accounts.announcements import announce_access_changed
from apps.accounts.errors import LinkExpired, SignInRefused
from apps.accounts.identities import ProviderIdentity
from apps.accounts.models import User
from apps.accounts.selectors import account_by_email, account_by_subject
from apps.accounts.sessions import delete_sessions
from apps.accounts.signals import account_closed, account_opened
from apps.accounts.tokens import confirmation_tokens, reset_tokens
from apps.core.audit import record_act
from apps.core.models import Act
from apps.core.tenancy import service_scope, tenant_scope

logger = structlog.get_logger(__name__)


def create_account(
    *, email: str, password: str | None = None, name: str = "", **fields: Any
) -> User:
    """Insert a user; every account begins here.

    Raises:
        IntegrityError: the address or the subject has an account.
    """
    user_id = uuid.uuid4()
    fields.setdefault("language", (get_language() or "")[:8])
    with tenant_scope(user_id):
        return User.objects.create_user(email, password, id=user_id, name=name, **fields)


def ensure_administrator(*, email: str, password: str, name: str) -> tuple[User, bool]:
    """Create the administrator `email` unless there is one; tell whether it was created."""
    user = account_by_email(email=email)
    if user is not None:
        return user, False
    # The language of a terminal says nothing of the one they read.
    user = create_account(
        email=email, password=password, name=name, email_verified=True, language=""
    )
    _set_rights(user, {"is_staff": True, "is_superuser": True})
    return user, True


@transaction.atomic
def sign_up(*, email: str, password: str, name: str, origin: str) -> None:
    """Begin an account and send the link that opens it.

    The owner of an address that has one is told so by mail; neither the answer nor its time
    differs. An address that nobody confirmed belongs to whoever asked last: a password that
    somebody else chose for it must not outlive the owner's own sign-up.
    """
    user = account_by_email(email=email)
    if user is None:
        try:
            user = create_account(email=email, password=password, name=name)
        except IntegrityError:
            # Someone signed up with it a moment ago, and their mail is on its way; or the
            # address differs from a known one in a letter that the index takes for the same.
            return
        mail.send_confirmation(user=user, origin=origin)
        return
    hashed = make_password(password)
    with tenant_scope(user.pk):
        _sign_up_again(user, hashed=hashed, name=name, origin=origin)


def _sign_up_again(user: User, *, hashed: str, name: str, origin: str) -> None:
    unconfirmed = User.objects.filter(pk=user.pk, email_verified=False, is_active=True)
    if not unconfirmed.update(password=hashed, name=name):
        mail.send_known(user=user, origin=origin)
        return
    user.refresh_from_db()
    mail.send_confirmation(user=user, origin=origin)


def send_confirmation_again(*, user: User, origin: str) -> None:
    """Send the link once more to someone who knows the password of an unconfirmed account."""
    mail.send_confirmation(user=user, origin=origin)


def confirm_address(*, user: User, token: str) -> User:
    """Open the account whose address `token` confirms.

    Raises:
        LinkExpired: the token is void; of two that come at once one is.
    """
    with tenant_scope(user.pk):
        locked = User.objects.select_for_update().get(pk=user.pk)
        if not locked.is_active or not confirmation_tokens.check_token(locked, token):
            raise LinkExpired
        return _open(locked)


def _open(user: User) -> User:
    user.email_verified = True
    user.save(update_fields=["email_verified"])
    record_act(act=Act.SIGNED_UP, user_id=user.pk, actor_id=user.pk)
    account_opened.send(sender=User, user=user)
    return user


@transaction.atomic
def request_reset(*, email: str, origin: str) -> None:
    """Send a link to a new password, or to an unknown address the news that it is unknown."""
    user = account_by_email(email=email)
    if user is None or not user.is_active:
        mail.send_unknown(email=email, origin=origin)
    else:
        mail.send_reset(user=user, origin=origin)


def reset_password(*, user: User, token: str, password: str, origin: str) -> None:
    """Set the password that the owner of a link chose, and end every session.

    The link came by mail, so it also confirms the address.

    Raises:
        LinkExpired: the token is void; of two that come at once one is.
    """
    with tenant_scope(user.pk):
        locked = User.objects.select_for_update().get(pk=user.pk)
        if not locked.is_active or not reset_tokens.check_token(locked, token):
            raise LinkExpired
        locked.set_password(password)
        locked.save(update_fields=["password"])
        if not locked.email_verified:
            _open(locked)
        delete_sessions(user_id=locked.pk)
        transaction.on_commit(lambda: announce_access_changed(user.pk))
        record_act(act=Act.PASSWORD_CHANGED, user_id=locked.pk, actor_id=locked.pk)
        mail.send_changed(user=locked, origin=origin)


@transaction.atomic
def change_password(*, user: User, password: str, origin: str) -> None:
    """Set another password; every session ends unless its holder is given the new hash."""
    user.set_password(password)
    user.save(update_fields=["password"])
    transaction.on_commit(lambda: announce_access_changed(user.pk))
    record_act(act=Act.PASSWORD_CHANGED, user_id=user.pk, actor_id=user.pk)
    mail.send_changed(user=user, origin=origin)


def set_language(*, user: User, language: str) -> None:
    """Keep the language that `user` reads pages and mails in."""
    _set(user, language=language)


def rename(*, user: User, name: str) -> None:
    """Call `user` by another name; an empty one is none."""
    _set(user, name=name)


def close_first_steps(*, user: User) -> None:
    """Show `user` no first steps any more."""
    _set(user, first_steps_closed=True)


def _set(user: User, **fields: Any) -> None:
    # Not `save`: it would write back what another request has changed meanwhile.
    User.objects.filter(pk=user.pk).update(**fields)
    for name, value in fields.items():
        setattr(user, name, value)


def end_all_sessions(*, user: User) -> None:
    """Sign `user` out everywhere, also where no index knows of it."""
    User.objects.filter(pk=user.pk).update(session_generation=F("session_generation") + 1)
    delete_sessions(user_id=user.pk)
    transaction.on_commit(lambda: announce_access_changed(user.pk))


@transaction.atomic
def account_of_identity(*, identity: ProviderIdentity) -> User:
    """Return the account of someone a provider vouches for: theirs, a linked or a new one.

    Raises:
        SignInRefused: the address is not confirmed, belongs to someone else, or is blocked.
    """
    user = account_by_subject(subject=identity.subject)
    if user is None:
        user = _link_or_create(identity)
    if not user.is_active:
        raise SignInRefused
    with tenant_scope(user.pk):
        return _follow_provider(user, identity)


def _link_or_create(identity: ProviderIdentity) -> User:
    if not identity.email or not identity.email_verified:
        raise SignInRefused(
            _("Your e-mail is not confirmed yet. Confirm it where you signed up, then try again.")
        )
    user = account_by_email(email=identity.email)
    if user is not None:
        with tenant_scope(user.pk):
            return _link(user, identity)
    try:
        user = create_account(
            email=identity.email,
            name=identity.name,
            oidc_subject=identity.subject,
            email_verified=True,
        )
    except IntegrityError:
        # Two windows of one person signed in at once for the first time.
        user = account_by_subject(subject=identity.subject)
        if user is None:
            raise SignInRefused from None
        return user
    with tenant_scope(user.pk):
        record_act(act=Act.SIGNED_UP, user_id=user.pk, actor_id=user.pk)
        account_opened.send(sender=User, user=user)
    return user


def _link(user: User, identity: ProviderIdentity) -> User:
    """Tie a subject to the account of its address, both sides of which are confirmed."""
    free = User.objects.filter(pk=user.pk, oidc_subject=None, email_verified=True)
    if not free.update(oidc_subject=identity.subject):
        logger.warning("sign_in_not_linked", user_id=str(user.pk))
        raise SignInRefused(
            _("There is another account with your e-mail. Please write to support.")
        )
    logger.info("sign_in_linked", user_id=str(user.pk))
    user.refresh_from_db()
    return user


def _follow_provider(user: User, identity: ProviderIdentity) -> User:
    """Bring what the provider decides into the row: address, name, staff."""
    changes: dict[str, Any] = {}
    if not user.name and identity.name:
        changes["name"] = identity.name
    if identity.avatar_url and user.avatar_url != identity.avatar_url:
        changes["avatar_url"] = identity.avatar_url
    moved = identity.email_verified and identity.email.casefold() != user.email.casefold()
    if moved and account_by_email(email=identity.email) is None:
        changes["email"] = User.objects.normalize_email(identity.email)
    for field, value in changes.items():
        setattr(user, field, value)
    if changes:
        user.save(update_fields=[*changes])
    _follow_group(user, is_staff=identity.is_staff)
    return user


def _follow_group(user: User, *, is_staff: bool | None) -> None:
    rights: dict[str, bool] = {}
    if is_staff is not None and is_staff != user.is_staff:
        rights["is_staff"] = is_staff
    if is_staff is False and user.is_superuser:
        rights["is_superuser"] = False
    if not rights:
        return
    if is_staff and not settings.EASEL_SERVE_ADMIN:
        # Rights are given where they are used; this process's login may not.
        logger.info("staff_not_raised_here", user_id=str(user.pk))
        return
    logger.warning("staff_changed", user_id=str(user.pk), is_staff=is_staff)
    _set_rights(user, rights)


def _set_rights(user: User, rights: dict[str, bool]) -> None:
    raising = any(rights.values())
    with service_scope("give rights") if raising else tenant_scope(user.pk):
        User.objects.filter(pk=user.pk).update(**rights)
        record_act(
            act=Act.ROLE_CHANGED, user_id=user.pk, actor_id=None, target=", ".join(sorted(rights))
        )
    for field, value in rights.items():
        setattr(user, field, value)


def set_active(*, user: User, active: bool) -> None:
    """Let `user` in, or turn them away at once: requests, keys, tokens and open sockets."""
    with transaction.atomic():
        User.objects.filter(id=user.id).update(is_active=active)
        transaction.on_commit(lambda: announce_access_changed(user.id))
    user.is_active = active


def _take_out_of_staff_log(email: str, instead: str) -> None:
    # What staff did to the account stays on record, by its id alone; what they did to others, whose
    # addresses may end in this one, as it is.
    whole = re.compile(rf"(?<![\w.+-]){re.escape(email)}(?![\w-]|\.\w)", re.IGNORECASE)
    named = Q(object_repr__icontains=email) | Q(change_message__icontains=email)
    for entry in LogEntry.objects.filter(named):
        entry.object_repr = whole.sub(instead, entry.object_repr)[:200]
        entry.change_message = whole.sub(instead, entry.change_message)
        entry.save(update_fields=["object_repr", "change_message"])


def close_account(*, user_id: uuid.UUID) -> None:
    """Take everything out of an account's row that names a person or lets one in, for good.

    The row stays, since the books refer to it. Called in a service scope: rights go too.
    """
    user = User.objects.select_for_update().get(pk=user_id)
    email = user.email
    user.email = f"deleted-{user.pk}@deleted.invalid"
    user.name = ""
    user.avatar_url = ""
    user.oidc_subject = None
    user.is_active = False
    user.is_staff = False
    user.is_superuser = False
    user.set_unusable_password()
    user.save()
    _take_out_of_staff_log(email, user.email)
    user.groups.clear()
    user.user_permissions.clear()
    delete_sessions(user_id=user_id)
    account_closed.send(sender=User, user_id=user_id, email=email)
    transaction.on_commit(lambda: announce_access_changed(user_id))
