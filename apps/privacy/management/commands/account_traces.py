"""Show what is left of a user; for the proof that an account was deleted."""

import json
import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.privacy.traces import STAYS, find_traces


class Command(BaseCommand):
    help = "Show rows, files and cached keys that name a user; exit with 1 if any has no reason."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user_id", type=uuid.UUID)
        parser.add_argument(
            "--word",
            action="append",
            default=[],
            help="look for this text too, such as the former e-mail; may be repeated",
        )
        parser.add_argument("--json", action="store_true", help="write JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        found = find_traces(user_id=options["user_id"], words=options["word"])
        if options["json"]:
            facts = {"rows": found.rows, "files": found.files, "cache_keys": found.cache_keys}
            self.stdout.write(json.dumps(facts | {"nothing_left": found.is_nothing_left}))
        else:
            for table, count in found.rows.items():
                reason = STAYS.get(table, "LEFT OVER")
                self.stdout.write(f"{table}: {count} ({reason})")
            for key in (*found.files, *found.cache_keys):
                self.stdout.write(f"{key} (LEFT OVER)")
        if not found.is_nothing_left:
            raise CommandError("Something is left that nothing keeps.", returncode=1)
        self.stderr.write("Nothing is left but what outlives an account.")
