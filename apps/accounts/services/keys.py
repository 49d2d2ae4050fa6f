"""Make, change and revoke API keys."""

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TypedDict

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.announcements import announce_access_changed
from apps.accounts.credentials import Credential
from apps.accounts.key_secrets import HINT_LENGTH, digest_of, new_secret
from apps.accounts.models import ApiKey, Scope, User
from apps.accounts.selectors import list_keys
from apps.core.audit import record_act
from apps.core.errors import Conflict, ErrorCode, Forbidden, Invalid, NotFound
from apps.core.models import Act

logger = structlog.get_logger(__name__)

MAX_KEYS = 50
# A write for each request would cost more than the look-up it follows.
LAST_USED_RESOLUTION = timedelta(minutes=1)


class KeyChanges(TypedDict, total=False):
    """What of a key can be changed later."""

    name: str
    scopes: Collection[Scope]
    monthly_credit_cap: int | None


def create_key(
    *,
    user: User,
    granter: Credential,
    name: str,
    scopes: Collection[Scope],
    expires_at: datetime | None = None,
    monthly_credit_cap: int | None = None,
) -> tuple[ApiKey, str]:
    """Make a key; return it with its secret, which is told this once.

    A key that makes another passes on no more than it has: no scope it lacks, no later end (its
    own, if none is asked for), and with a credit cap of its own nothing at all.

    Raises:
        Invalid: the end has passed.
        Forbidden: `granter` may not pass that on.
        Conflict: the user has as many keys as one may have.
    """
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid(fields={"expires_at": [_("This time has passed.")]})
    _check_scopes(granter, scopes)
    _check_cap(granter)
    secret = new_secret()
    with transaction.atomic():
        # Locked, so that two requests at once cannot both be the last that fits.
        User.objects.select_for_update(no_key=True).get(id=user.id)
        if list_keys(user=user).count() >= MAX_KEYS:
            raise Conflict(_("You have too many keys; revoke some first."), limit=MAX_KEYS)
        key = ApiKey.objects.create(
            user=user,
            name=name,
            hint=secret[:HINT_LENGTH],
            digest=digest_of(secret),
            scopes=sorted(set(scopes)),
            expires_at=_end_for(granter, expires_at),
            monthly_credit_cap=monthly_credit_cap,
        )
        record_act(act=Act.KEY_CREATED, user_id=user.id, actor_id=user.id, target=key.hint)
    logger.info("api_key_created", api_key_id=str(key.id), scopes=key.scopes)
    return key, secret


def update_key(
    *, user: User, key_id: uuid.UUID, granter: Credential, changes: KeyChanges
) -> ApiKey:
    """Change the name, scopes or cap of a key.

    Raises:
        NotFound: `user` has no such key.
        Forbidden: `granter` may not pass that on.
    """
    with transaction.atomic():
        key = list_keys(user=user).select_for_update().filter(id=key_id).first()
        if key is None:
            raise NotFound
        if "name" in changes:
            key.name = changes["name"]
        if "scopes" in changes:
            _check_scopes(granter, set(changes["scopes"]) - set(key.scopes))
            key.scopes = sorted(set(changes["scopes"]))
        if "monthly_credit_cap" in changes:
            _check_cap(granter)
            key.monthly_credit_cap = changes["monthly_credit_cap"]
        key.save(update_fields=["name", "scopes", "monthly_credit_cap", "updated_at"])
        transaction.on_commit(lambda: announce_access_changed(user.id))
    logger.info("api_key_changed", api_key_id=str(key.id), changed=sorted(changes))
    return key


def revoke_key(*, user: User, key_id: uuid.UUID, actor_id: uuid.UUID | None = None) -> None:
    """End a key at once and for ever; `actor_id` is who does it, if not its user.

    Raises:
        NotFound: `user` has no such key, or revoked it before.
    """
    with transaction.atomic():
        if not list_keys(user=user).filter(id=key_id).update(revoked_at=timezone.now()):
            raise NotFound
        record_act(
            act=Act.KEY_REVOKED,
            user_id=user.id,
            actor_id=actor_id or user.id,
            target=str(key_id),
        )
        transaction.on_commit(lambda: announce_access_changed(user.id))
    logger.info("api_key_revoked", api_key_id=str(key_id))


def note_use(*, key: ApiKey) -> None:
    """Write down that `key` is in use, at most once a minute."""
    now = timezone.now()
    before = now - LAST_USED_RESOLUTION
    if key.last_used_at is not None and key.last_used_at > before:
        return
    ApiKey.objects.filter(
        Q(last_used_at__isnull=True) | Q(last_used_at__lte=before), user=key.user_id, id=key.id
    ).update(last_used_at=now)


def _check_scopes(granter: Credential, scopes: Collection[Scope]) -> None:
    lacking = sorted(set(scopes) - granter.scopes)
    if lacking:
        raise Forbidden(
            _("A key can only pass on scopes that it has itself."),
            code=ErrorCode.INSUFFICIENT_SCOPE,
            required=lacking[0],
        )


def _check_cap(granter: Credential) -> None:
    if granter.api_key is not None and granter.api_key.monthly_credit_cap is not None:
        raise Forbidden(_("A key with a credit cap can make no keys and change no cap."))


def _end_for(granter: Credential, asked: datetime | None) -> datetime | None:
    own_end = granter.api_key.expires_at if granter.api_key is not None else None
    if own_end is None or asked is None:
        return asked or own_end
    return min(asked, own_end)
