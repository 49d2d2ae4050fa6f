"""Carry files from the store into a backup and back, with their hashes."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from django.core.files import File
from django.core.files.storage import default_storage

from apps.core.storage import file_store
from config import env
from config.backup.manifest import FILES, LIST, BackupError, FileEntry, listed_files, sha256_of

# The store answers as many at once; each is held in pieces.
THREADS = 8
_MOST_WAITING = 64
_USER_FILES = "users"
T = TypeVar("T")


def copy_out(keys: Iterable[str], folder: Path) -> tuple[int, int, list[str]]:
    """Copy files into the backup under `folder`; return count, bytes, and keys without a file.

    Files of models that lie below the models root are part of the installation, not of a backup.
    """
    count = size = 0
    missing: list[str] = []
    with (folder / LIST).open("w", encoding="utf-8") as lines:
        for key, entry in _each(_copy_one, ((key, folder) for key in keys)):
            if entry is not None:
                lines.write(json.dumps(asdict(entry)) + "\n")
                count += 1
                size += entry.size
            elif not (env.MODELS_ROOT / key).is_file():
                missing.append(key)
    return count, size, missing


def check_copies(folder: Path) -> None:
    """See that every file of a backup is there as it was written.

    Raises:
        BackupError: one is missing or differs.
    """
    for entry in listed_files(folder):
        path = _place(folder, entry.key)
        if not path.is_file() or sha256_of(path) != entry.sha256:
            raise BackupError(f"The backup is damaged: {path} is missing or differs.")


def check_store_empty() -> None:
    """See that the store has no files of users.

    Raises:
        BackupError: it has.
    """
    first = next(iter(file_store.walk(_USER_FILES)), None)
    if first is not None:
        raise BackupError(
            f"The store has files of users ({first.key}). A restore needs an empty one: it never "
            "writes over files."
        )


def copy_in(folder: Path) -> None:
    """Store every file of the backup under `folder`."""
    for _done in _each(_store_one, ((entry, folder) for entry in listed_files(folder))):
        pass


def _copy_one(key: str, folder: Path) -> tuple[str, FileEntry | None]:
    path = _place(folder, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    size = 0
    try:
        pieces = file_store.pieces(key)
    except FileNotFoundError:
        return key, None
    with path.open("wb") as file:
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
            file.write(piece)
    return key, FileEntry(key, size, digest.hexdigest())


def _store_one(entry: FileEntry, folder: Path) -> None:
    with _place(folder, entry.key).open("rb") as file:
        stored = default_storage.save(entry.key, File(file))
    if stored != entry.key:
        raise BackupError(f"{entry.key} was there already, and is stored as {stored} now.")


def _place(folder: Path, key: str) -> Path:
    root = folder / FILES
    path = root / key
    # A key comes from a row, and a backup from a disk that others may have written to.
    if root.resolve() not in path.resolve().parents:
        raise BackupError(f"The key {key!r} leads out of the backup.")
    return path


def _each(work: Callable[..., T], things: Iterable[tuple[Any, ...]]) -> Iterator[T]:
    """Yield what `work` returns for each of `things`, several at once, in no order."""
    with ThreadPoolExecutor(THREADS) as pool:
        under_way: set[Future[T]] = set()
        for thing in things:
            under_way.add(pool.submit(work, *thing))
            if len(under_way) >= _MOST_WAITING:
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        yield from (future.result() for future in under_way)
