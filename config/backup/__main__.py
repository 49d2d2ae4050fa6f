"""Back this installation up, restore it, hold it against a backup.

    python -m config.backup backup DIRECTORY [--without-models]
    python -m config.backup check DIRECTORY
    python -m config.backup restore DIRECTORY
    python -m config.backup verify DIRECTORY
    python -m config.backup verify --files

It needs EASEL_BACKUP_DATABASE_URL, and to restore EASEL_OWNER_DATABASE_URL, both straight to the
server and not to a pooler; the installation of `make up` has them by itself.
"""

import os
import sys
from pathlib import Path

import django
import psycopg

from config import env

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
django.setup(set_prefix=False)

from config.backup.arguments import argument_parser  # noqa: E402  (needs the app registry)
from config.backup.manifest import BackupError  # noqa: E402
from config.backup.operations import check_backup, make_backup, restore_backup  # noqa: E402
from config.backup.verification import differences, wrong_files  # noqa: E402


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


def _check(folder: Path) -> int:
    manifest = check_backup(folder)
    _say(
        f"The backup of {manifest.made_at} is whole: {sum(manifest.tables.values())} rows, "
        f"{manifest.file_count} files."
    )
    return 0


def _verify(folder: Path | None) -> int:
    url = _login_url("backup", env.BACKUP_DATABASE_URL)
    if folder is None:
        return _report(wrong_files(url), well="Every file that a row names is there.")
    return _report(differences(folder, url))


def _report(found: list[str], *, well: str = "It is what the backup says.") -> int:
    for line in found[:100]:
        _say(line)
    _say(f"{len(found)} differences." if found else well)
    return 1 if found else 0


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    """Do what the command line says; 1 if it cannot be done or something differs."""
    options = argument_parser().parse_args()
    try:
        if options.command == "backup":
            return _backup(options.directory, models=not options.without_models)
        if options.command == "verify":
            return _verify(options.directory)
        return {"check": _check, "restore": _restore}[options.command](options.directory)
    except (BackupError, psycopg.Error, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
