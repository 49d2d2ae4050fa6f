"""Run a benchmark of tests/benchmarks on servers of its own."""

import subprocess
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Run a benchmark; the last line of its output is one JSON object."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--quick", action="store_true", help="a run below a minute")
        parser.add_argument("--json", action="store_true", help="nothing but the JSON")
        parser.add_argument("--rows", type=int, help="of pictures, for the gallery alone")

    def handle(self, *args: Any, **options: Any) -> None:
        flags = [f"--{flag}" for flag in ("quick", "json") if options[flag]]
        if options["rows"] is not None:
            flags.append(f"--rows={options['rows']}")
        command = [sys.executable, "-m", "tests.benchmarks", options["name"], *flags]
        result = subprocess.run(command, cwd=settings.BASE_DIR, check=False)  # noqa: S603
        sys.exit(result.returncode)
