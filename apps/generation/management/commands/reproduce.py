"""Make a picture again from its record and compare; in a process of its own, which has torch."""

import subprocess
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Make a picture again from what is on record of it, and say how much it differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("image", help="the name of a picture")
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        flags = ["--json"] if options["json"] else []
        command = [sys.executable, "-m", "gpu_tasks.reproduce", options["image"], *flags]
        result = subprocess.run(command, cwd=settings.BASE_DIR, check=False)  # noqa: S603
        sys.exit(result.returncode)
