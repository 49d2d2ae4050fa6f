"""Reads on credits and usage."""

import dataclasses
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC

from django.core.cache import cache
from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum
from django.utils import timezone

from apps.accounts.models import User
from apps.credits.costs import ENOUGH, Quote, Shape, quote_measured, quote_planned, quote_scaled
from apps.credits.models import (
    RESOLUTIONS,
    GrantBalance,
    Hold,
    MeasuredCost,
    Posting,
)
from apps.plans.tiers import GpuTier

BALANCE_SECONDS = 5 * 60


@dataclass(frozen=True, slots=True)
class Balance:
    """The credits that can be held now, and those that are held for jobs."""

    available: int
    held: int


@dataclass(frozen=True, slots=True)
class Kind:
    """What is measured together; `planned_seconds` is what work 1 takes until it was."""

    model: str
    tier: GpuTier
    shape: Shape
    planned_seconds: float

    @property
    def row(self) -> tuple[str, str, Shape]:
        """What the `MeasuredCost` of this kind is found by."""
        return self.model, self.tier, self.shape

    @property
    def row_of_all(self) -> tuple[str, str, Shape]:
        """What the `MeasuredCost` of all shapes of the model is found by."""
        return self.model, self.tier, Shape(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class HoldFacts:
    """What was held for a job, and how it ended; `charged` is `None` while it runs."""

    held: int
    charged: int | None
    released: int
    refunded: int


def balance_of(*, user_id: uuid.UUID) -> Balance:
    """Return the balance as shown; for a moment it may be that of a moment ago."""
    key = _balance_key(user_id)
    known: Balance | None = cache.get(key)
    if known is None:
        known = read_balance(user_id=user_id)
        cache.set(key, known, timeout=BALANCE_SECONDS)
    return known


def read_balance(*, user_id: uuid.UUID) -> Balance:
    """Return the balance as the books have it; one query."""
    now = timezone.now()
    usable = Q(usable_from__lte=now, usable_until__gt=now)
    sums = GrantBalance.objects.filter(user=user_id).aggregate(
        available=Sum("available", filter=usable), held=Sum("held")
    )
    return Balance(available=int(sums["available"] or 0), held=int(sums["held"] or 0))


def balance_for(*, user_id: uuid.UUID, amount: int) -> Balance:
    """Return the balance as shown, read anew if by it there are fewer credits than `amount`.

    So nobody is told to buy credits that have just been bought.
    """
    known = balance_of(user_id=user_id)
    return known if known.available >= amount else read_balance(user_id=user_id)


def forget_balance(*, user_id: uuid.UUID) -> None:
    cache.delete(_balance_key(user_id))


def _balance_key(user_id: uuid.UUID) -> str:
    return f"credit_balance:{user_id}"


def live_balances(*, user_id: uuid.UUID) -> list[GrantBalance]:
    """List what can be used of each grant or is held of it, also what begins later.

    What ends first stands in front, as it is used first; one query.
    """
    usable = Q(available__gt=0, usable_until__gt=timezone.now())
    return list(
        GrantBalance.objects.filter(usable | Q(held__gt=0), user=user_id)
        .select_related("grant")
        .order_by("usable_until", "grant_id")
    )


def list_postings(*, user: User) -> QuerySet[Posting]:
    """List all movements of the credits of `user`, newest first."""
    return (
        Posting.objects.filter(user=user)
        .select_related("grant", "hold")
        .order_by("-created_at", "-id")
    )


def holds_of_jobs(
    *, user_id: uuid.UUID, job_ids: Iterable[uuid.UUID]
) -> dict[uuid.UUID, HoldFacts]:
    """Return what was held and charged for each of some jobs; one query."""
    holds = (
        Hold.objects.filter(user=user_id, job_id__in=list(job_ids))
        .annotate(
            resolved=Sum("postings__held", filter=Q(postings__kind__in=RESOLUTIONS)),
            charged=Sum("postings__spent", filter=Q(postings__kind__in=RESOLUTIONS)),
            refunded=Sum("postings__closed"),
        )
        .values_list("job_id", "amount", "resolved", "charged", "refunded")
    )
    return {
        job_id: HoldFacts(
            held=amount,
            charged=None if resolved is None else charged,
            released=0 if resolved is None else -resolved - charged,
            refunded=refunded or 0,
        )
        for job_id, amount, resolved, charged, refunded in holds
    }


def credits_of_key_this_month(*, user: User, api_key_id: uuid.UUID) -> int:
    """Return the credits of a key in this calendar month (UTC): charged, or held for jobs."""
    month = timezone.now().astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    charged = (
        Posting.objects.filter(hold=OuterRef("pk"), kind__in=RESOLUTIONS)
        .order_by()
        .values("hold")
        .annotate(total=Sum("spent"))
        .values("total")
    )
    holds = (
        Hold.objects.filter(user=user, api_key_id=api_key_id, created_at__gte=month)
        .annotate(charged=Subquery(charged))
        .values_list("amount", "charged")
    )
    return sum(amount if charged is None else charged for amount, charged in holds)


def quote_shape(*, model: str, tier: GpuTier, shape: Shape, planned_seconds: float) -> Quote:
    """Quote a job by what its kind took lately, as `quote_shapes`; one query."""
    (quote,) = quote_shapes([Kind(model, tier, shape, planned_seconds)])
    return quote


def quote_shapes(kinds: Sequence[Kind]) -> list[Quote]:
    """Quote jobs by what their kinds took lately; one query for all, none for none.

    Until `ENOUGH` of a kind are measured, by what other shapes of the model took, and before that
    by `planned_seconds`, the planning figure of its family.
    """
    if not kinds:
        return []
    rows = MeasuredCost.objects.filter(
        Q.create(
            [
                Q(model=model, tier=tier, **dataclasses.asdict(shape))
                for kind in kinds
                for model, tier, shape in (kind.row, kind.row_of_all)
            ],
            connector=Q.OR,
        )
    )
    measured = {
        (row.model, row.tier, Shape(row.width, row.height, row.steps, row.batch_size)): row.seconds
        for row in rows
    }
    return [
        _quote_by(kind, measured.get(kind.row, ()), measured.get(kind.row_of_all, ()))
        for kind in kinds
    ]


def _quote_by(kind: Kind, exact: Sequence[float], scaled: Sequence[float]) -> Quote:
    if len(exact) >= ENOUGH:
        return quote_measured(exact)
    if len(scaled) >= ENOUGH:
        return quote_scaled(shape=kind.shape, seconds_a_work=scaled)
    return quote_planned(shape=kind.shape, planned_seconds=kind.planned_seconds)
