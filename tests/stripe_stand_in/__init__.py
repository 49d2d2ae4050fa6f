"""A stateful stand-in of the Stripe API, for tests and for a person without an account."""

from tests.stripe_stand_in.stand_in import StripeStandIn

__all__ = ["StripeStandIn"]
