"""Seal users' keys at providers under the current secret."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.providers.rotation import reseal_keys
from apps.providers.sealing import NotOpenedError


class Command(BaseCommand):
    help = "Seal users' keys at providers under the current secret, so that former ones can go."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            count = reseal_keys()
        except NotOpenedError as error:
            raise CommandError(
                "A key was sealed by a secret that is neither the current one nor among "
                "EASEL_PROVIDER_KEYS_SECRET_FALLBACKS."
            ) from error
        self.stdout.write(f"Sealed anew: {count}")
