"""Make what is sold known to Stripe."""

from apps.plans import stripe_gateway
from apps.plans.offers import CENTS, CURRENCY, OFFER, offers


def sync_prices() -> list[str]:
    """Make a product and a price for each offer that has none yet; return what was made.

    A price whose amount changed is followed by a new one; who pays the old one goes on so.
    """
    return [
        offer.lookup_key
        for offer in offers().values()
        if stripe_gateway.ensure_price(
            lookup_key=offer.lookup_key,
            name=offer.name,
            cents=offer.cents,
            currency=CURRENCY,
            interval=offer.interval,
            metadata={OFFER: offer.lookup_key, CENTS: str(offer.cents)},
        )
    ]
