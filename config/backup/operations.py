"""Make a backup, and make an installation of it."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.core.cache import cache

from config.backup import dump, files
from config.backup.identity import check_one_database
from config.backup.manifest import DUMP, BackupError, Manifest, sha256_of
from config.backup.snapshot import Snapshot, snapshot, still_named
from config.backup.verification import differences

Say = Callable[[str], None]


def make_backup(folder: Path, *, url: str, models: bool, say: Say) -> Manifest:
    """Write a backup of this installation to `folder`, which must be new or empty.

    Database and list of files are of one moment; the service goes on meanwhile. `url` is of the
    login for backups, straight to the server. The manifest is written last: without it a backup
    is not whole.

    Raises:
        BackupError: the folder is in use, `url` is of another database than Django's, rows are
            hidden, pg_dump fails, or a file is missing.
    """
    check_one_database(backup=url)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BackupError(f"{folder} is not empty. Name a new folder for each backup.")
    folder.chmod(0o700)
    seconds: dict[str, float] = {}
    with snapshot(url) as moment:
        moment.check_sees_all()
        say("Dumping the database …")
        with _timed(seconds, "database"):
            dump.dump(url, snapshot=moment.name, target=folder / DUMP)
        manifest = _describe(moment, folder / DUMP)
        manifest.seconds = seconds
        say("Copying the files that its rows name …")
        with _timed(seconds, "files"):
            manifest.file_count, manifest.file_bytes, missing = files.copy_out(
                moment.keys(models=models), folder
            )
    manifest.gone = _gone_for_good(missing, url=url, models=models)
    manifest.save(folder)
    return manifest


def check_backup(folder: Path) -> Manifest:
    """Look whether the backup under `folder` is whole, without database and store.

    Raises:
        BackupError: it has no manifest, or a byte of dump or files is not as it was written.
    """
    manifest = Manifest.load(folder)
    if not (folder / DUMP).is_file() or sha256_of(folder / DUMP) != manifest.dump_sha256:
        raise BackupError(f"The backup is damaged: {folder / DUMP} is missing or differs.")
    if files.check_copies(folder) != manifest.file_count:
        raise BackupError(f"The backup is damaged: {folder} has not the files of its manifest.")
    dump.contents(folder / DUMP)
    return manifest


def restore_backup(folder: Path, *, owner_url: str, url: str, say: Say) -> list[str]:
    """Fill an empty database and a store from `folder`, and return what differs then.

    `owner_url` is of the owner of the tables, `url` of the login for backups. Nobody may use the
    installation meanwhile.

    Raises:
        BackupError: the backup is damaged, the URLs are not of one database, the database is not
            empty, the store has other files of users, or pg_restore fails.
    """
    say("Checking the backup …")
    manifest = check_backup(folder)
    check_one_database(owner=owner_url, backup=url)
    dump.check_empty(owner_url)
    there = files.check_store(folder)
    say("Restoring the database …")
    with _told(say, "database"):
        dump.restore(owner_url, source=folder / DUMP, owners=manifest.owners)
    say("Storing the files …")
    with _told(say, "files"):
        files.copy_in(folder, skip=there)
    # Sessions, balances and lists of the database that was.
    cache.clear()
    say("Holding it against the backup …")
    with _told(say, "check"):
        return differences(folder, url)


def _describe(moment: Snapshot, dumped: Path) -> Manifest:
    return Manifest(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        version=settings.EASEL_VERSION,
        server=moment.server(),
        dump_sha256=sha256_of(dumped),
        dump_bytes=dumped.stat().st_size,
        tables=moment.count_rows(),
        sequences=moment.sequences(),
        guards=moment.guards(),
        owners=moment.owners(),
    )


def _gone_for_good(missing: Sequence[str], *, url: str, models: bool) -> list[str]:
    """Return `missing`, once it is certain that no row names these files any longer.

    Raises:
        BackupError: a row does.
    """
    if still := still_named(missing, url=url, models=models):
        raise BackupError(
            f"{len(still)} files that rows name are not in the store, such as {min(still)}. Find "
            "out what became of them: a backup would only hide it."
        )
    return sorted(missing)


@contextmanager
def _timed(seconds: dict[str, float], what: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    seconds[what] = round(time.monotonic() - started, 2)


@contextmanager
def _told(say: Say, what: str) -> Iterator[None]:
    seconds: dict[str, float] = {}
    with _timed(seconds, what):
        yield
    say(f"  {what}: {seconds[what]:.1f} s")
