"""Django's `migrate`, as the owner of the tables."""

from typing import Any

from django.core.management.commands import migrate

from apps.core.database import owner_login


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        with owner_login():
            super().handle(*args, **options)
