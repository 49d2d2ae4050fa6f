"""Writes: users' own keys, and the record of calls."""

import uuid

import structlog
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.core.audit import record_act
from apps.core.errors import Conflict, Invalid, NotFound, RateLimited
from apps.core.models import Act
from apps.core.rate_limits import Endpoint, counter, take
from apps.core.tenancy import left_scope, tenant_scope
from apps.plans.entitlements import Feature, require
from apps.providers.access import access_for_check
from apps.providers.models import (
    HINT_LENGTH,
    MOST_KEY_LENGTH,
    CallOutcome,
    KeyOwner,
    ProviderCall,
    ProviderKey,
)
from apps.providers.sealing import can_seal, seal, unseal
from apps.providers.selectors import get_own_key
from gpu_tasks.providers import ProviderError, ProviderName, ProviderRejectedKey, check_key

logger = structlog.get_logger(__name__)

LEAST_KEY_LENGTH = 16


def set_own_key(*, user: User, provider: ProviderName, key: str) -> ProviderKey:
    """Keep the key of `user` at a provider in the place of the one there was.

    The provider is asked whether the key is good; where that cannot be found out now, it is at
    the first use, and `checked_at` stays empty. Meanwhile no transaction is open.

    Raises:
        RateLimited: that was asked too often in a short time.
        Forbidden: the plan has no other people's services.
        Conflict: keys of users are not kept here.
        Invalid: it is no key, or the provider does not take it.
    """
    require(user_id=user.id, feature=Feature.THIRD_PARTY_API)
    if not can_seal():
        raise Conflict(_("Keys of your own cannot be kept here. Write to us if you need it."))
    key = key.strip()
    if not LEAST_KEY_LENGTH <= len(key) <= MOST_KEY_LENGTH or not _is_printable(key):
        raise Invalid(fields={"key": [_("This does not look like a key; copy all of it.")]})
    _count_check(user)
    with left_scope():
        is_good = _is_good(provider, key)
    checked_at = timezone.now() if is_good else None
    with transaction.atomic():
        kept, _created = ProviderKey.objects.update_or_create(
            user=user,
            provider=provider,
            defaults={
                "sealed": seal(key, user_id=user.id, provider=provider),
                "hint": key[-HINT_LENGTH:],
                "checked_at": checked_at,
            },
        )
        record_act(act=Act.PROVIDER_KEY_SET, user_id=user.id, actor_id=user.id, target=provider)
    logger.info("provider_key_set", provider=provider, checked=checked_at is not None)
    return kept


def delete_own_key(*, user: User, provider: ProviderName) -> None:
    """Forget the key of `user`; jobs that wait for it will fail and cost nothing.

    Raises:
        NotFound: there is none.
    """
    with transaction.atomic():
        get_own_key(user=user, provider=provider).delete()
        record_act(act=Act.PROVIDER_KEY_DELETED, user_id=user.id, actor_id=user.id, target=provider)
    logger.info("provider_key_deleted", provider=provider)


def key_of_running_job(
    *, user_id: uuid.UUID, job_id: uuid.UUID, attempt: int, provider: ProviderName
) -> str:
    """Return the user's key for a job that this worker holds.

    Raises:
        NotFound: it was deleted, or the job is not held any more.
        NotOpenedError: no secret of this process opens it.
    """
    with tenant_scope(user_id), connection.cursor() as cursor:
        cursor.execute("SELECT easel_provider_key(%s, %s)", [job_id, attempt])
        (sealed,) = cursor.fetchone()
    if sealed is None:
        raise NotFound
    return unseal(sealed, user_id=user_id, provider=provider)


def begin_call(
    *,
    user_id: uuid.UUID,
    job_id: uuid.UUID,
    attempt: int,
    provider: ProviderName,
    model: str,
    key_owner: KeyOwner,
    pictures: int,
    cost_micros: int,
) -> ProviderCall:
    """Write that a call begins, and what it costs if it is never heard of again."""
    with tenant_scope(user_id):
        return ProviderCall.objects.create(
            user_id=user_id,
            job_id=job_id,
            attempt=attempt,
            provider=provider,
            model_used=model,
            key_owner=key_owner,
            pictures_asked=pictures,
            cost_micros=cost_micros,
        )


def end_call(
    *,
    call: ProviderCall,
    outcome: CallOutcome,
    pictures: int,
    cost_micros: int,
    seconds: float,
    error_code: str = "",
    request_id: str = "",
) -> None:
    """Write what came of a call."""
    with tenant_scope(call.user_id):
        ProviderCall.objects.filter(user=call.user_id, id=call.id).update(
            outcome=outcome,
            pictures_made=pictures,
            cost_micros=cost_micros,
            seconds=seconds,
            error_code=error_code,
            request_id=request_id,
        )


def _is_printable(key: str) -> bool:
    return key.isascii() and key.isprintable() and " " not in key


def _count_check(user: User) -> None:
    verdicts = take(counter(user.id, Endpoint.KEY_CHECK))
    if verdicts is not None and not verdicts[0].allowed:
        (verdict,) = verdicts
        raise RateLimited(retry_after=verdict.more_in, limit=verdict.counter.limit.requests)


def _is_good(provider: ProviderName, key: str) -> bool:
    """Say whether the provider takes a key; `False` if it does not say."""
    try:
        check_key(provider, access_for_check(provider, key=key))
    except ProviderRejectedKey as error:
        raise Invalid(fields={"key": [_("The provider does not accept this key.")]}) from error
    except ProviderError as error:
        logger.warning("provider_key_unchecked", provider=provider, error=type(error).__name__)
        return False
    return True
