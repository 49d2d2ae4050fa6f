"""Know who had a trial by the secret key of now, while the former one is still set."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.plans.services.subscriptions import know_trials_by_new_key


class Command(BaseCommand):
    help = (
        "After a new EASEL_SECRET_KEY: keep by it who had a trial, before the former key is"
        " taken out of EASEL_SECRET_KEY_FALLBACKS."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        del args, options
        self.stdout.write(f"{know_trials_by_new_key()} persons are known by the new key")
