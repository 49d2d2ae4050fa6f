"""Prove the books of credits."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apps.generation.services.audit import audit_credits


class Command(BaseCommand):
    help = "Prove the books of credits; exit with 1 if anything does not add up."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        drifts = audit_credits()
        if options["json"]:
            report = {"ok": not drifts, "drifts": [asdict(drift) for drift in drifts]}
            self.stdout.write(json.dumps(report))
        else:
            for drift in drifts:
                self.stdout.write(f"{drift.rule}: {drift.count} ({', '.join(drift.ids)})")
            self.stdout.write("The books do not add up." if drifts else "The books add up.")
        if drifts:
            raise SystemExit(1)
