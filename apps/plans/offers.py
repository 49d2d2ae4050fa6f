"""What is sold at Stripe: a price for each plan and period, and one for each pack of credits.

A price is found by its lookup key and carries what it is for in its metadata, which stays when a
new price takes the lookup key over.
"""

from dataclasses import dataclass
from datetime import timedelta

from apps.plans.models import BillingInterval
from apps.plans.products import PACKS, PLANS, PLANS_SOLD

CURRENCY = "usd"
MONTHS = {BillingInterval.MONTH: 1, BillingInterval.YEAR: 12}
# Stripe bills a new period an hour after it began; so long the old one goes on.
RENEWAL_SLACK = timedelta(hours=2)
# Of prices and their products.
OFFER = "easel_offer"
CENTS = "easel_cents"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Something that can be bought for `cents`, and the credits it gives."""

    lookup_key: str
    name: str
    cents: int
    credits: int
    plan: str = ""
    interval: BillingInterval | None = None
    pack: str = ""


def offers() -> dict[str, Offer]:
    """List what is sold, by lookup key."""
    found: list[Offer] = []
    for plan in PLANS_SOLD:
        dollars = {
            BillingInterval.MONTH: plan.dollars_a_month,
            BillingInterval.YEAR: plan.dollars_a_year,
        }
        for interval, price in dollars.items():
            if price is None or plan.credits_a_month is None:
                continue
            found.append(
                Offer(
                    lookup_key=f"easel-{plan.slug}-{interval}",
                    name=f"Easel {plan.slug.title()}",
                    cents=price * 100,
                    credits=plan.credits_a_month * MONTHS[interval],
                    plan=plan.slug,
                    interval=interval,
                )
            )
    found += [
        Offer(
            lookup_key=f"easel-{pack.slug}",
            name=f"Easel {pack.credits:,} credits",
            cents=pack.dollars * 100,
            credits=pack.credits,
            pack=pack.slug,
        )
        for pack in PACKS.values()
    ]
    return {offer.lookup_key: offer for offer in found}


def plan_offer(plan: str, interval: str) -> Offer | None:
    """Return how a plan is sold by `interval`; `None` if it is not."""
    return offers().get(f"easel-{plan}-{interval}")


def pack_offer(pack: str) -> Offer | None:
    """Return how a pack is sold; `None` if there is none of that name."""
    return offers().get(f"easel-{pack}")


def is_upgrade(old: Offer, new: Offer) -> bool:
    """Say whether going from `old` to `new` takes effect at once: it is more, or for longer."""
    ranks = [(list(PLANS).index(each.plan), MONTHS[_interval(each)]) for each in (old, new)]
    (old_plan, old_months), (new_plan, new_months) = ranks
    if new_months != old_months:
        return new_months > old_months and new_plan >= old_plan
    return new_plan > old_plan


def _interval(offer: Offer) -> BillingInterval:
    return offer.interval or BillingInterval.MONTH
