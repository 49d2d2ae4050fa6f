"""What comes in and what it costs: subscriptions, credits by month, GPUs by tier."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Count, Q, Sum
from django.db.models.functions import TruncMonth
from django.utils import timezone

from apps.credits.models import Grant, Posting, PostingKind
from apps.dashboard.reports.provider_costs import PAID, ProviderLine, provider_lines
from apps.plans.models import BillingInterval, Subscription, SubscriptionSource
from apps.plans.products import DOLLARS_A_CREDIT, PLAN_ORDER, PLANS, CreditSource, PlanType
from apps.plans.tiers import TIERS, GpuTier

_CENT = Decimal("0.01")

# Of jobs that our own GPUs carried out; of credits that were paid for in the last column.
_BY_TIER = f"""
{PAID}
SELECT usage.gpu_tier, count(*), sum(usage.compute_seconds), sum(usage.credits_consumed),
    coalesce(sum(paid.credits), 0)
FROM credits_usagerecord usage
LEFT JOIN paid ON paid.user_id = usage.user_id AND paid.job_id = usage.job_id
WHERE usage.created_at >= %(since)s AND usage.action_type <> 'provided'
GROUP BY usage.gpu_tier
"""  # noqa: S608  # nosec B608  (our own words)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanLine:
    """The active subscriptions of a plan; paused ones are not active."""

    plan: str
    active: int
    by_card: int
    past_due: int
    dollars_a_month: Decimal


@dataclass(slots=True, kw_only=True)
class MonthLine:
    """The credits of a calendar month (UTC), and the cents paid for those that were sold."""

    begins: datetime
    sold: int = 0
    free: int = 0
    returned: int = 0
    used: int = 0
    expired: int = 0
    taken_back: int = 0
    paid_cents: int = 0

    @property
    def dollars(self) -> Decimal:
        return Decimal(self.paid_cents) / 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TierLine:
    """What the GPUs of a tier did: seconds, credits charged, those that had been paid for."""

    tier: GpuTier
    jobs: int
    seconds: Decimal
    charged: int
    paid: int

    @property
    def cost(self) -> Decimal:
        """Return the dollars that these seconds cost us."""
        return self.seconds * TIERS[self.tier].dollars_per_gpu_second

    @property
    def income(self) -> Decimal:
        """Return the dollars that the paid credits were sold for."""
        return self.paid * DOLLARS_A_CREDIT

    @property
    def margin(self) -> Decimal:
        return self.income - self.cost

    @property
    def margin_percent(self) -> Decimal | None:
        return 100 * self.margin / self.income if self.income else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revenue:
    """All of it; `months` from the oldest to the running one."""

    plans: list[PlanLine]
    months: list[MonthLine]
    tiers: list[TierLine]
    providers: list[ProviderLine]

    @property
    def active(self) -> int:
        return sum(line.active for line in self.plans)

    @property
    def dollars_a_month(self) -> Decimal:
        return sum((line.dollars_a_month for line in self.plans), Decimal(0))

    @property
    def whole(self) -> MonthLine:
        """Return the sums over the months."""
        names = [each.name for each in fields(MonthLine) if each.name != "begins"]
        sums = {name: sum(getattr(month, name) for month in self.months) for name in names}
        return MonthLine(begins=self.months[0].begins, **sums)

    @property
    def income(self) -> Decimal:
        return sum((line.income for line in self.tiers), Decimal(0))

    @property
    def cost(self) -> Decimal:
        return sum((line.cost for line in self.tiers), Decimal(0))


def revenue_of(*, months: int) -> Revenue:
    """Return the revenue of this month and those before it, `months` in all; six queries."""
    begins = _last_months(timezone.now(), months)
    return Revenue(
        plans=_plans(),
        months=_months(begins),
        tiers=_tiers(begins[0]),
        providers=provider_lines(since=begins[0]),
    )


def monthly_recurring_dollars() -> Decimal:
    """Return what the active subscriptions bring in a month; one query."""
    return sum((line.dollars_a_month for line in _plans()), Decimal(0))


def _plans() -> list[PlanLine]:
    now = timezone.now()
    rows = (
        Subscription.objects.filter(Q(valid_until=None) | Q(valid_until__gt=now))
        .filter(valid_from__lte=now, pause_reason="")
        .values("plan", "source", "interval")
        .annotate(
            active=Count("id"),
            past_due=Count("id", filter=Q(past_due_since__isnull=False)),
            custom_dollars=Sum("custom_dollars_a_month"),
        )
    )
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["plan"], []).append(row)
    return [
        PlanLine(
            plan=plan,
            active=sum(row["active"] for row in found.get(plan, ())),
            by_card=sum(row["active"] for row in found.get(plan, ()) if _is_by_card(row)),
            past_due=sum(row["past_due"] for row in found.get(plan, ())),
            dollars_a_month=sum((_monthly(row) for row in found.get(plan, ())), Decimal(0)),
        )
        for plan in PLAN_ORDER
    ]


def _is_by_card(row: Mapping[str, Any]) -> bool:
    return bool(row["source"] == SubscriptionSource.STRIPE)


def _monthly(row: Mapping[str, Any]) -> Decimal:
    """Return what subscriptions bring in a month: nothing, if set by hand and not enterprise's."""
    plan = PLANS[row["plan"]]
    if plan.plan_type != PlanType.PAID:
        return Decimal(0)
    if plan.dollars_a_month is None:
        return Decimal(row["custom_dollars"] or 0)
    if not _is_by_card(row):
        return Decimal(0)
    dollars = Decimal(plan.dollars_a_month)
    if row["interval"] == BillingInterval.YEAR and plan.dollars_a_year is not None:
        dollars = Decimal(plan.dollars_a_year) / 12
    monthly: Decimal = dollars * row["active"]
    return monthly.quantize(_CENT)


def _months(begins: list[datetime]) -> list[MonthLine]:
    lines = {month: MonthLine(begins=month) for month in begins}
    is_return = Q(source=CreditSource.REFUND)
    grants = _by_month(Grant.objects.filter(created_at__gte=begins[0])).annotate(
        sold=Sum("total", filter=Q(paid_cents__gt=0)),
        free=Sum("total", filter=Q(paid_cents=0) & ~is_return),
        returned=Sum("total", filter=is_return),
        paid_cents=Sum("paid_cents"),
    )
    postings = _by_month(Posting.objects.filter(created_at__gte=begins[0])).annotate(
        used=Sum("spent", filter=Q(kind__in=(PostingKind.SETTLE, PostingKind.REFUND))),
        expired=Sum("closed", filter=Q(kind=PostingKind.EXPIRE)),
        taken_back=Sum("closed", filter=Q(kind=PostingKind.REVOKE)),
    )
    for row in (*grants, *postings):
        line = lines.get(row.pop("month"))
        for name, value in row.items():
            if line is not None:
                setattr(line, name, value or 0)
    return list(lines.values())


def _by_month(rows: Any) -> Any:
    return rows.order_by().annotate(month=TruncMonth("created_at")).values("month")


def _tiers(since: datetime) -> list[TierLine]:
    with connection.cursor() as cursor:
        cursor.execute(_BY_TIER, {"since": since})
        found = {row[0]: row[1:] for row in cursor.fetchall()}
    lines = []
    for tier in TIERS:
        jobs, seconds, charged, paid = found.get(tier, (0, Decimal(0), 0, 0))
        lines.append(
            TierLine(tier=tier, jobs=jobs, seconds=seconds, charged=charged, paid=int(paid))
        )
    return lines


def _last_months(now: datetime, count: int) -> list[datetime]:
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    last = first.year * 12 + first.month - 1
    return [
        first.replace(year=number // 12, month=number % 12 + 1)
        for number in range(last - count + 1, last + 1)
    ]
