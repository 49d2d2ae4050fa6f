"""Lead users to Stripe's pages, where they pay; nothing is given to them by coming back."""

import uuid

import structlog
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.core.errors import Conflict, Invalid
from apps.plans import stripe_gateway
from apps.plans.entitlements import entitlements_of
from apps.plans.errors import PaymentProviderUnavailable
from apps.plans.models import PauseReason, Subscription
from apps.plans.offers import CURRENCY, Offer, pack_offer, plan_offer
from apps.plans.selectors import count_payments
from apps.plans.services.customers import customer_of

logger = structlog.get_logger(__name__)

RETURN_PATH = "/account/plan/"
# Of Stripe's, before anything was paid.
_UNPAID = "incomplete"


def start_checkout(
    *, user: User, plan: str, interval: str, origin: str, key: str | None = None
) -> str:
    """Begin a subscription to `plan` and return the address of the page where it is paid.

    `origin` is where the browser comes back to; the same `key` begins it once.

    Raises:
        Invalid: the plan is not sold so.
        Conflict: there is a subscription already, which can be changed; or staff stopped `user`.
        PaymentsOff, PaymentProviderUnavailable: Stripe is not there.
    """
    stripe_gateway.require_payments()
    offer = plan_offer(plan, interval)
    if offer is None:
        raise Invalid(fields={"plan": [_("This plan is not sold here; write to us.")]})
    _refuse_stopped(user)
    customer = customer_of(user=user)
    _refuse_second_subscription(user, customer)
    return _checkout(offer, user=user, customer=customer, origin=origin, key=key)


def buy_pack(*, user: User, pack: str, origin: str, key: str | None = None) -> str:
    """Begin the purchase of a credit pack and return the address of the page where it is paid.

    Raises:
        Invalid: there is no such pack.
        Conflict: staff stopped `user`.
        PaymentsOff, PaymentProviderUnavailable: Stripe is not there.
    """
    stripe_gateway.require_payments()
    offer = pack_offer(pack)
    if offer is None:
        raise Invalid(fields={"pack": [_("There is no such pack.")]})
    _refuse_stopped(user)
    return _checkout(offer, user=user, customer=customer_of(user=user), origin=origin, key=key)


def open_portal(*, user: User, origin: str) -> str:
    """Return the address of the page where `user` looks after cards and invoices."""
    stripe_gateway.require_payments()
    return stripe_gateway.open_portal(
        customer=customer_of(user=user), return_url=f"{origin}{RETURN_PATH}"
    )


def _refuse_stopped(user: User) -> None:
    """Take no money for what would not be served."""
    has = entitlements_of(user_id=user.id)
    if has.pause == PauseReason.STAFF:
        raise Conflict(_("Your account was stopped, so nothing is sold to it. Write to us."))


def _refuse_second_subscription(user: User, customer: str) -> None:
    """Ask Stripe itself: what it told last may still be on its way."""
    for running in stripe_gateway.list_subscriptions(customer):
        if running.status in stripe_gateway.OVER:
            continue
        if running.status == _UNPAID or _was_given_back(user, running.id):
            stripe_gateway.cancel_now(running.id)
            continue
        raise Conflict(_("You have a plan already. Change it instead of taking a second one."))


def _was_given_back(user: User, subscription: str) -> bool:
    return Subscription.objects.filter(
        user=user, stripe_subscription_id=subscription, pause_reason=PauseReason.REFUNDED
    ).exists()


def waiting_path(*, user: User) -> str:
    """Return the page that waits for the next payment of `user`: for more than there are now."""
    return f"{RETURN_PATH}waiting/?after={count_payments(user=user)}"


def _checkout(offer: Offer, *, user: User, customer: str, origin: str, key: str | None) -> str:
    session = stripe_gateway.create_checkout(
        customer=customer,
        price=price_of(offer),
        is_subscription=offer.interval is not None,
        success_url=f"{origin}{waiting_path(user=user)}",
        cancel_url=f"{origin}{RETURN_PATH}",
        key=f"easel-checkout-{customer}-{key or uuid.uuid4()}",
    )
    if offer.interval is not None:
        # Of two pages that are open, only one can be paid.
        for other in stripe_gateway.open_checkouts(customer):
            if other.mode == "subscription" and other.id != session.id:
                stripe_gateway.expire_checkout(other.id)
    if not session.url:
        raise PaymentProviderUnavailable
    return session.url


def price_of(offer: Offer) -> str:
    """Return the id of the price at Stripe.

    Raises:
        PaymentProviderUnavailable: there is none, or it is another than our table says.
    """
    price = stripe_gateway.find_price(offer.lookup_key)
    if price is None or (price.unit_amount, price.currency) != (offer.cents, CURRENCY):
        logger.error("price_not_as_sold", lookup_key=offer.lookup_key)
        raise PaymentProviderUnavailable
    return price.id
