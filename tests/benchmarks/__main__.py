"""Run one benchmark on servers of its own: `python -m tests.benchmarks NAME [--quick] [--json]`."""

import argparse
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from importlib import import_module

from config.local.addresses import LOGINS
from config.local.postgres import temporary_postgres
from config.local.valkey import temporary_valkey

NAMES = (
    "api",
    "dispatch",
    "engine",
    "gallery",
    "ledger",
    "pages",
    "progress",
    "quote",
    "scheduler",
    "users",
    "worker",
    "workflow",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, help="of pictures, for the gallery alone")
    options = parser.parse_args()
    with ExitStack() as servers:
        postgres = servers.enter_context(temporary_postgres())
        valkey = servers.enter_context(temporary_valkey())
        media = servers.enter_context(tempfile.TemporaryDirectory(prefix="easel-bench-"))
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings.benchmark",
            "EASEL_DATABASE_URL": postgres.url(role=LOGINS["ops"]),
            "EASEL_OWNER_DATABASE_URL": postgres.url(),
            "EASEL_REDIS_URL": valkey.url,
            "EASEL_MEDIA_ROOT": media,
            "EASEL_SECRET_KEY": "for-benchmarks-only-for-benchmarks-only-for-benchmarks-only",
            "EASEL_LOG_LEVEL": "WARNING",
        }
        import django
        from django.core.management import call_command

        django.setup()
        from tests.database import see_everything

        see_everything()
        call_command("migrate", verbosity=0)
        rows = {} if options.rows is None else {"rows": options.rows}
        report = import_module(f"tests.benchmarks.{options.name}").run(quick=options.quick, **rows)
    if not options.json:
        for name, value in report.figures.items():
            print(f"{name:<32} {value:10.3f}")
        for name, target in report.targets.items():
            mark = "ok" if target.ok else "MISSED"
            print(f"{name:<32} {target.value:10.3f}  limit {target.limit:g} ({mark})")
    print(json.dumps(report.to_json()))
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
