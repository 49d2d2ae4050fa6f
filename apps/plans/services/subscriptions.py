"""Put users on plans by hand, and new ones on trial."""

import hashlib
import hmac
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.core.tenancy import service_scope, tenant_scope
from apps.plans.models import Subscription, SubscriptionSource, TrialPerson
from apps.plans.products import TRIAL_DAYS, Plan
from apps.plans.selectors import forget_plan
from apps.plans.signals import trial_started

_PERSONS_AT_ONCE = 1000


def start_subscription(
    *,
    user: User,
    plan: Plan,
    valid_until: datetime | None = None,
    source: SubscriptionSource = SubscriptionSource.MANUAL,
) -> Subscription:
    """Put `user` on `plan` from now until `valid_until`, or without an end."""
    with transaction.atomic():
        subscription = Subscription.objects.create(
            user=user,
            plan=plan.slug,
            source=source,
            valid_from=timezone.now(),
            valid_until=valid_until,
        )
        announce_plan_change(user_id=user.id)
    return subscription


def announce_plan_change(*, user_id: uuid.UUID) -> None:
    """Have pages and the API see a change of a user's subscriptions once it is committed.

    Whatever changes one calls it, in the transaction of the change.
    """
    transaction.on_commit(lambda: forget_plan(user_id=user_id))


def start_trial(*, user: User) -> bool:
    """Put a new `user` on trial, unless the person has had one; `False` if so.

    By a function of PostgreSQL: who serves users may begin a trial and nothing better.
    """
    with tenant_scope(user.id):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT easel_start_trial(%s, %s::text[])",
                [TRIAL_DAYS, person_digests(user.email)],
            )
            (started,) = cursor.fetchone()
        if started:
            announce_plan_change(user_id=user.id)
            trial_started.send(sender=Subscription, user_id=user.id)
    return bool(started)


def start_trial_of_opened_account(*, sender: object, user: User, **kwargs: Any) -> None:
    """Answer `account_opened`."""
    del sender, kwargs
    start_trial(user=user)


def person_digests(email: str) -> list[str]:
    """Return what is kept of a person who has had a trial when the account is gone.

    The first is by the key of now, the others by former ones, under which the person may be
    known. Capital letters and what follows a plus sign make no other person. Keyed, so that
    nobody who reads them can try addresses.
    """
    local, _at, domain = email.strip().casefold().rpartition("@")
    person = f"{local.partition('+')[0]}@{domain}"
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return [
        hmac.new(str(key).encode(), person.encode(), hashlib.sha256).hexdigest() for key in keys
    ]


def know_trials_by_new_key() -> int:
    """Keep the digest by the key of now of everyone with an account; return how many are new.

    Who has left and does not come back before the former key goes is forgotten with it.
    """
    with service_scope("know who had a trial by a new key"):
        before = TrialPerson.objects.count()
        there = User.objects.filter(email_verified=True)
        emails = there.exclude(email__endswith="@deleted.invalid").values_list("email", flat=True)
        for some in _batched(emails.iterator(), _PERSONS_AT_ONCE):
            TrialPerson.objects.bulk_create(
                (TrialPerson(digest=person_digests(email)[0]) for email in some),
                ignore_conflicts=True,
            )
        return TrialPerson.objects.count() - before


def _batched(emails: Iterable[str], size: int) -> Iterator[list[str]]:
    """Yield `emails` in lists of at most `size`."""
    found = iter(emails)
    while some := list(islice(found, size)):
        yield some
