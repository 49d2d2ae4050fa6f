"""`python -m config.local.migration_safety [--record]`: refuse migrations that would disturb.

With `--record`, done by each release, the migrations there are count as released from then on,
if none of them is refused.
"""

import os
import sys

import django

from config.local.addresses import LOGINS
from config.local.migration_safety.released import (
    EXAMINED,
    RELEASED_FILE,
    read_released,
    write_released,
)
from config.local.postgres import temporary_postgres
from config.version import VERSION


def main(arguments: list[str]) -> int:
    """Judge the migrations that no release has; return 1 if any is refused."""
    # Django reads its settings once, so the server has to be there before; it takes two seconds.
    with temporary_postgres() as server:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
        os.environ |= {
            "EASEL_DATABASE_URL": server.url(role=LOGINS["ops"]),
            "EASEL_OWNER_DATABASE_URL": server.url(),
            "EASEL_REDIS_URL": "redis://127.0.0.1:1/0",
        }
        django.setup()
        return _judge(record="--record" in arguments)


def _judge(*, record: bool) -> int:
    # Django's modules can only be loaded now.
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader

    from apps.core.database import owner_login
    from config.local.migration_safety.check import judge_unreleased, plan_of

    version, released = read_released()
    on_disk = set(plan_of(MigrationLoader(connection)))
    if version != VERSION and not record:
        print(
            f"config/version.py says {VERSION} and {RELEASED_FILE.name} was made for {version}. "
            "Once the release before is in production: python -m config.local.migration_safety "
            "--record"
        )
        return 1
    if gone := {*released, *EXAMINED} - on_disk:
        print(f"{RELEASED_FILE.name} or EXAMINED names migrations that are gone: {sorted(gone)}")
        return 1
    with owner_login():
        refused = judge_unreleased(released, version=VERSION, examined=set(EXAMINED))
        connection.close()
    for (app, name), findings in refused.items():
        print(f"\n{app}.{name} would disturb the running release:")
        for finding in findings:
            print(f"  - {finding}")
    if refused:
        print("\ndocs/release.md has the recipes.")
        return 1
    print(f"{len(on_disk - released)} migrations are new, and none would disturb.")
    if record:
        write_released(VERSION, on_disk)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
