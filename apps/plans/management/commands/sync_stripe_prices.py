"""Make what is sold known to Stripe."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.core.errors import EaselError
from apps.plans.offers import offers
from apps.plans.services.prices import sync_prices


class Command(BaseCommand):
    help = "Make a product and a price at Stripe for each plan and pack; what is there stays."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = sync_prices()
        except EaselError as error:
            raise CommandError(str(error.detail)) from error
        for lookup_key in made:
            self.stdout.write(f"made {lookup_key}")
        self.stdout.write(f"{len(offers())} prices, {len(made)} of them new")
