#!/usr/bin/env python
"""Run Easel's management commands."""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    # A benchmark brings servers of its own, so it also runs where none are set up.
    place = "benchmark" if sys.argv[1:2] == ["bench"] else "local"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", f"config.settings.{place}")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
