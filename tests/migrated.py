"""Keep the migrated database of the tests for the next run: to migrate takes a quarter of a minute.

A dump stands for exactly the migrations, and the packages, that made it; and the tables it makes
are migrated all the same, so that what a signal does after migrations is done.
"""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import connection

from config.local.addresses import OWNER_ROLE, POSTGRES_PORT, SUPERUSER
from config.local.binaries import postgres_programs
from tests.plugins.servers import postgres_server, superuser_connection

_ROOT = Path(settings.BASE_DIR)
_MAKERS = (
    *("apps/*/migrations/**/*.py", "apps/*/migrations/**/*.json"),
    *("apps/core/operations.py", "apps/core/tenancy.py"),
    *("config/local/roles.py", "config/settings/base.py", "requirements/dev.txt"),
)


def dump_in(folder: Path) -> Path:
    """Return where in `folder` the dump of what the migrations make now is, or will be."""
    digest = hashlib.sha256()
    for path in sorted(_makers()):
        digest.update(str(path.relative_to(_ROOT)).encode())
        digest.update(path.read_bytes())
    return folder / f"{digest.hexdigest()}.dump"


def restore(dump: Path) -> None:
    """Make the tests' database from a dump, if there is one."""
    if not dump.is_file():
        return
    # Django's own name for it, with the number of the process.
    name: str = connection.creation._get_test_db_name()  # type: ignore[attr-defined]
    with superuser_connection("postgres") as server:
        server.execute(f'CREATE DATABASE "{name}" OWNER "{OWNER_ROLE}"')
    _run("pg_restore", "--exit-on-error", "--no-password", f"--dbname={name}", str(dump))


def keep(dump: Path) -> None:
    """Dump the tests' database, whose tables are as the migrations left them."""
    if dump.is_file():
        return
    draft = dump.with_suffix(f".{os.getpid()}")
    _run(
        "pg_dump",
        "--format=custom",
        "--no-password",
        f"--file={draft}",
        connection.settings_dict["NAME"],
    )
    for old in dump.parent.glob("*.dump"):
        old.unlink(missing_ok=True)
    draft.replace(dump)


def _makers() -> Iterator[Path]:
    for pattern in _MAKERS:
        yield from _ROOT.glob(pattern)


def _run(program: str, *words: str) -> None:
    server = postgres_server()
    subprocess.run(
        [str(postgres_programs(server.account) / program), *words],
        env={
            "PATH": os.defpath,
            "PGHOST": str(server.socket_dir),
            "PGPORT": str(POSTGRES_PORT),
            "PGUSER": SUPERUSER,
        },
        check=True,
    )
