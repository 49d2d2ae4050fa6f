"""A customer's life with a plan, told in few words; and what the books say of it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from apps.accounts.models import User
from apps.credits.models import Grant, GrantBalance, Posting
from apps.plans.models import BillingAccount, Payment, PaymentReversal, Subscription
from apps.plans.services.changes import cancel_at_period_end, change_plan, reactivate
from apps.plans.services.checkout import buy_pack, start_checkout
from apps.plans.stripe_gateway import client
from tests.stripe_stand_in import StripeStandIn

ORIGIN = "http://testserver"


@dataclass
class Shop:
    """What a user and a bank do, each followed by what Stripe tells of it."""

    stripe: StripeStandIn
    user: User

    def subscribe(self, plan: str = "starter", interval: str = "month") -> str:
        """Subscribe by the checkout page, and return the subscription's id."""
        url = start_checkout(user=self.user, plan=plan, interval=interval, origin=ORIGIN)
        assert self.stripe.pay_checkout(session_of(url))
        return str(self.stripe.get(session_of(url))["subscription"])

    def buy(self, pack: str = "pack-1000") -> str:
        """Buy a pack, and return the checkout's id."""
        url = buy_pack(user=self.user, pack=pack, origin=ORIGIN)
        assert self.stripe.pay_checkout(session_of(url))
        return session_of(url)

    def change(self, plan: str, interval: str = "month") -> bool:
        upgraded = change_plan(user=self.user, plan=plan, interval=interval)
        self.tell()
        return upgraded

    def cancel(self) -> None:
        cancel_at_period_end(user=self.user)
        self.tell()

    def reactivate(self) -> None:
        reactivate(user=self.user)
        self.tell()

    def refund(self, payment: Payment, cents: int | None = None) -> str:
        params: Any = {"payment_intent": payment.stripe_payment_intent_id}
        if cents is not None:
            params["amount"] = cents
        made = client().v1.refunds.create(params)
        self.tell()
        return made.id

    def dispute(self, payment: Payment) -> str:
        charge = self.stripe.get(payment.stripe_payment_intent_id)["latest_charge"]
        return str(self.stripe.open_dispute(charge)["id"])

    def tell(self) -> None:
        if not self.stripe.held:
            self.stripe.deliver_all()

    @property
    def customer(self) -> str:
        return BillingAccount.objects.get(user=self.user).stripe_customer_id

    def row(self) -> Subscription:
        return Subscription.objects.exclude(stripe_subscription_id=None).get(user=self.user)

    def payments(self) -> list[Payment]:
        return list(Payment.objects.filter(user=self.user).order_by("paid_at", "key"))

    def period_end(self, subscription: str) -> datetime:
        item = self.stripe.get(subscription)["items"]["data"][0]
        return datetime.fromtimestamp(item["current_period_end"], UTC)


def session_of(url: str) -> str:
    """Return the id of the checkout that an address leads to."""
    return url.rpartition("/")[2]


def credits_by_grant(user: User) -> list[tuple[str, int, int]]:
    """Return source, total and available credits of each grant, but that of the trial."""
    found = GrantBalance.objects.filter(user=user).exclude(grant__source="trial")
    return [
        (each.grant.source, each.grant.total, each.available)
        for each in found.select_related("grant").order_by("grant__valid_from", "grant__total")
    ]


def books(user: User) -> dict[str, Any]:
    """Return what must be the same, whatever the order in which Stripe told of it."""
    names = (
        *("plan", "source", "interval", "valid_from", "valid_until", "renews_at", "next_plan"),
        *("cancels_at", "ended_at", "past_due_since", "pause_reason", "stripe_subscription_id"),
    )
    balances = GrantBalance.objects.filter(user=user).order_by("grant__idempotency_key")
    postings = Posting.objects.filter(user=user)
    movements = postings.values_list(
        *("grant__idempotency_key", "kind", "available", "held", "spent", "closed")
    )
    grants = Grant.objects.filter(user=user).order_by("idempotency_key")
    return {
        "subscriptions": sorted(
            Subscription.objects.filter(user=user).values_list(*names), key=repr
        ),
        "payments": sorted(
            Payment.objects.filter(user=user).values_list(
                *("key", "kind", "amount_cents", "credits", "plan", "period_start", "period_end"),
                *("paid_at", "stripe_payment_intent_id", "number"),
            )
        ),
        "reversals": sorted(
            PaymentReversal.objects.filter(user=user).values_list(
                *("payment__key", "kind", "stripe_id", "part", "amount_cents", "credits")
            )
        ),
        "grants": list(
            grants.values_list(
                *("idempotency_key", "source", "total", "paid_cents", "plan", "valid_from")
            )
        ),
        "balances": list(
            balances.values_list(
                *("grant__idempotency_key", "available", "held", "spent", "closed")
            )
        ),
        "postings": sorted(movements),
    }
