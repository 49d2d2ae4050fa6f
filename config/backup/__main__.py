"""Back this installation up, restore it, hold it against a backup.

    python -m config.backup backup DIRECTORY [--without-models]
    python -m config.backup restore DIRECTORY
    python -m config.backup verify DIRECTORY

It needs EASEL_BACKUP_DATABASE_URL, and to restore EASEL_OWNER_DATABASE_URL, both straight to the
server and not to a pooler; the installation of `make up` has them by itself.
"""

import argparse
import os
import sys
from pathlib import Path

import django
import psycopg

from config import env

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
django.setup(set_prefix=False)

from config.backup.manifest import BackupError  # noqa: E402  (needs the app registry)
from config.backup.operations import make_backup, restore_backup  # noqa: E402
from config.backup.verification import differences  # noqa: E402


def _login_url(name: str, given: str | None) -> str:
    if given:
        return given
    if env.DATABASE_URL:
        raise BackupError(
            f"Set EASEL_{name.upper()}_DATABASE_URL to the URL of the login easel_{name}, straight "
            "to the server."
        )
    from config.local.endpoints import database_url

    return database_url(name)


def _backup(folder: Path, *, models: bool) -> int:
    url = _login_url("backup", env.BACKUP_DATABASE_URL)
    manifest = make_backup(folder, url=url, models=models, say=_say)
    rows = sum(manifest.tables.values())
    _say(
        f"{rows} rows in {manifest.dump_bytes} bytes ({manifest.seconds['database']} s), "
        f"{manifest.file_count} files of {manifest.file_bytes} bytes "
        f"({manifest.seconds['files']} s)."
    )
    if manifest.gone:
        _say(f"{len(manifest.gone)} files were deleted for good meanwhile; the manifest has them.")
    return 0


def _restore(folder: Path) -> int:
    return _report(
        restore_backup(
            folder,
            owner_url=_login_url("owner", env.OWNER_DATABASE_URL),
            url=_login_url("backup", env.BACKUP_DATABASE_URL),
            say=_say,
        )
    )


def _verify(folder: Path) -> int:
    return _report(differences(folder, _login_url("backup", env.BACKUP_DATABASE_URL)))


def _report(found: list[str]) -> int:
    for line in found[:100]:
        _say(line)
    _say(f"{len(found)} differences." if found else "It is what the backup says.")
    return 1 if found else 0


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    """Do what the command line says; 1 if it cannot be done or something differs."""
    parser = argparse.ArgumentParser(prog="python -m config.backup")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("backup", "restore", "verify"):
        command = commands.add_parser(name)
        command.add_argument("directory", type=Path)
        if name == "backup":
            command.add_argument(
                "--without-models", action="store_true", help="leave the weights of models out"
            )
    options = parser.parse_args()
    try:
        if options.command == "backup":
            return _backup(options.directory, models=not options.without_models)
        return {"restore": _restore, "verify": _verify}[options.command](options.directory)
    except (BackupError, psycopg.Error, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
