"""Make a backup, and make an installation of it."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.core.cache import cache

from config.backup import dump, files
from config.backup.manifest import DUMP, BackupError, Manifest, sha256_of
from config.backup.snapshot import Snapshot, snapshot
from config.backup.verification import differences

Say = Callable[[str], None]


def make_backup(folder: Path, *, url: str, models: bool, say: Say) -> Manifest:
    """Write a backup of this installation to `folder`, which must be new or empty.

    Database and list of files are of one moment; the service goes on meanwhile. `url` is of the
    login for backups, straight to the server. The manifest is written last: without it a backup
    is not whole.

    Raises:
        BackupError: the folder is in use, rows are hidden, pg_dump fails, or a file is missing.
    """
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


def restore_backup(folder: Path, *, owner_url: str, url: str, say: Say) -> list[str]:
    """Fill an empty database and an empty store from `folder`, and return what differs then.

    `owner_url` is of the owner of the tables, `url` of the login for backups. Nobody may use the
    installation meanwhile.

    Raises:
        BackupError: the backup is damaged, something is not empty, or pg_restore fails.
    """
    manifest = Manifest.load(folder)
    say("Checking the backup …")
    if sha256_of(folder / DUMP) != manifest.dump_sha256:
        raise BackupError(f"The backup is damaged: {folder / DUMP} differs from its hash.")
    files.check_copies(folder)
    dump.check_empty(owner_url)
    files.check_store_empty()
    say("Restoring the database …")
    with _told(say, "database"):
        dump.restore(owner_url, source=folder / DUMP, owners=manifest.owners)
    say("Storing the files …")
    with _told(say, "files"):
        files.copy_in(folder)
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
    if not missing:
        return []
    with snapshot(url) as later:
        still = set(missing) & set(later.keys(models=models))
    if still:
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
