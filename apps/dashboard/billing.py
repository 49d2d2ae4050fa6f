"""What the page of the plan shows, put together from plans and credits."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.accounts.models import User
from apps.credits.selectors import balance_of
from apps.dashboard.shares import Share, storage_share
from apps.plans.models import BillingInterval, Payment, Subscription
from apps.plans.offers import is_upgrade, plan_offer
from apps.plans.products import PACK_DAYS, PACKS, PLANS_SOLD, CreditPack, Plan
from apps.plans.selectors import Billing, billing_of, list_payments
from apps.plans.tiers import TIERS

PAYMENTS_SHOWN = 24


@dataclass(frozen=True, slots=True)
class Way:
    """How a plan can be taken by one interval: `act` is subscribe, upgrade or downgrade."""

    act: str
    interval: str
    dollars: int


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan of the table; `ways` are what its buttons do."""

    plan: Plan
    gpu: str
    is_current: bool
    ways: Sequence[Way]


@dataclass(frozen=True, slots=True)
class PlanPage:
    """All that is shown; `token` makes a button that is pressed twice act once."""

    billing: Billing
    credits: int
    storage: Share
    rows: Sequence[PlanRow]
    packs: Sequence[CreditPack]
    pack_days: int
    payments: Sequence[Payment]
    token: str

    @property
    def subscription(self) -> Subscription | None:
        return self.billing.subscription

    @property
    def ends_at(self) -> datetime | None:
        """Say when a plan that nobody renews ends."""
        return None if self.subscription else self.billing.has.ends_at


def plan_page(*, user: User) -> PlanPage:
    """Return what the page shows: what is sold, below a plan that one has and nobody can buy."""
    billing = billing_of(user=user)
    has = billing.has.plan
    plans = PLANS_SOLD if has in PLANS_SOLD else (has, *PLANS_SOLD)
    return PlanPage(
        billing=billing,
        credits=balance_of(user_id=user.id).available,
        storage=storage_share(user=user),
        rows=[_row(plan, billing) for plan in plans],
        packs=list(PACKS.values()),
        pack_days=PACK_DAYS,
        payments=list(list_payments(user=user)[:PAYMENTS_SHOWN]),
        token=uuid.uuid4().hex,
    )


def _row(plan: Plan, billing: Billing) -> PlanRow:
    gpu = TIERS[plan.gpu_tier].gpu
    is_current = billing.has.pause is None and billing.has.plan.slug == plan.slug
    prices = {
        BillingInterval.MONTH: plan.dollars_a_month,
        BillingInterval.YEAR: plan.dollars_a_year,
    }
    ways = [
        Way(act=act, interval=interval, dollars=dollars)
        for interval, dollars in prices.items()
        if dollars and (act := _act(plan, interval, billing))
    ]
    return PlanRow(plan=plan, gpu=gpu, is_current=is_current, ways=ways)


def _act(plan: Plan, interval: BillingInterval, billing: Billing) -> str:
    offer = plan_offer(plan.slug, interval)
    if offer is None or not billing.payments_on:
        return ""
    running = billing.subscription
    if running is None or running.pause_reason == "refunded":
        return "subscribe"
    if running.pause_reason or running.past_due_since:
        return ""
    has = plan_offer(running.plan, running.interval)
    if has is None or has.lookup_key == offer.lookup_key:
        return ""
    if running.next_plan == plan.slug:
        return ""
    return "upgrade" if is_upgrade(has, offer) else "downgrade"
