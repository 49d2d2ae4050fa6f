"""Fill an empty production-like run: the people of the provider, their plans, the starter model."""

from datetime import timedelta

import django

django.setup(set_prefix=False)

from django.utils import timezone  # noqa: E402  (needs the app registry)

from apps.accounts.identities import ProviderIdentity  # noqa: E402
from apps.accounts.services.users import account_of_identity  # noqa: E402
from apps.catalog.services import install_starter_model  # noqa: E402
from apps.core.tenancy import service_scope  # noqa: E402
from apps.credits.services.grants import add_grant  # noqa: E402
from apps.plans.products import PLANS, CreditSource  # noqa: E402
from apps.plans.selectors import plan_of  # noqa: E402
from apps.plans.services.subscriptions import start_subscription  # noqa: E402
from config.local.production_like.people import PEOPLE, Person  # noqa: E402

CREDITS = 1_000_000


def seed() -> None:
    """Make what is missing."""
    with service_scope("prepare a production-like run"):
        install_starter_model()
    for person in PEOPLE:
        _admit(person)


def _admit(person: Person) -> None:
    user = account_of_identity(
        identity=ProviderIdentity(
            subject=person.subject,
            email=person.email,
            email_verified=True,
            name=person.name,
            is_staff=person.is_staff,
        )
    )
    if person.plan == "trial":
        return
    with service_scope("put people on their plans"):
        if plan_of(user=user).slug != person.plan:
            start_subscription(user=user, plan=PLANS[person.plan])
        now = timezone.now()
        add_grant(
            user_id=user.id,
            source=CreditSource.GIFT,
            amount=CREDITS,
            valid_from=now,
            valid_until=now + timedelta(days=30),
            key="production-like",
            reason="people of a production-like run",
        )


if __name__ == "__main__":
    seed()
