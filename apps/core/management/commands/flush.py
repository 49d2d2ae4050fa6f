"""Django's `flush`, as the owner of the tables: nobody else may empty them."""

from typing import Any

from django.core.management.commands import flush

from apps.core.database import owner_login


class Command(flush.Command):
    def handle(self, **options: Any) -> None:
        with owner_login():
            super().handle(**options)
