"""Carry files from the store into a backup and back, with their hashes."""

import hashlib
import io
import json
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from django.core.files import File
from django.core.files.storage import default_storage
from PIL import Image

from apps.core.storage import file_store
from config import env
from config.backup.manifest import FILES, LIST, BackupError, FileEntry, listed_files, sha256_of

# The store answers as many at once; each is held in pieces.
THREADS = 8
_MOST_WAITING = 64
_USER_FILES = "users"
_PICTURES = (".png", ".webp")
MISSING = "missing"
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


def check_copies(folder: Path) -> int:
    """See that every file of a backup is there as it was written, and count them.

    Raises:
        BackupError: one is missing or differs.
    """
    count = 0
    for entry in listed_files(folder):
        path = _place(folder, entry.key)
        if not path.is_file() or sha256_of(path) != entry.sha256:
            raise BackupError(f"The backup is damaged: {path} is missing or differs.")
        count += 1
    return count


def check_store(folder: Path) -> set[str]:
    """See that nothing in the store has to be written over; return what is there already.

    Files of users that the backup does not name would be lost with the next sweep.

    Raises:
        BackupError: a file has another content than in the backup, or is of another installation.
    """
    there: set[str] = set()
    of_users: set[str] = set()
    entries = ((entry,) for entry in listed_files(folder))
    for entry, content in _each(_stored, entries):
        if entry.key.startswith(f"{_USER_FILES}/"):
            of_users.add(entry.key)
        if content == entry.sha256:
            there.add(entry.key)
        elif content is not None:
            raise BackupError(
                f"The store has another {entry.key} than the backup. A restore never writes over "
                "files."
            )
    for found in file_store.walk(_USER_FILES):
        if found.key not in of_users:
            raise BackupError(
                f"The store has files of users that the backup does not name ({found.key}). A "
                "restore needs an empty one: it never takes from what others have."
            )
    return there


def copy_in(folder: Path, *, skip: Collection[str] = ()) -> None:
    """Store every file of the backup under `folder` but those whose keys are to be skipped."""
    entries = (entry for entry in listed_files(folder) if entry.key not in skip)
    for _done in _each(_store_one, ((entry, folder) for entry in entries)):
        pass


def faults(entries: Iterable[FileEntry | str]) -> Iterator[tuple[str, str]]:
    """Yield key and fault of each file of the store that is not as its entry says.

    Of a key alone it is seen that there is a file. Every picture has to open.
    """
    for entry, fault in _each(_fault, ((entry,) for entry in entries)):
        if fault:
            yield (entry if isinstance(entry, str) else entry.key), fault


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


def _stored(entry: FileEntry) -> tuple[FileEntry, str | None]:
    digest = hashlib.sha256()
    try:
        for piece in file_store.pieces(entry.key):
            digest.update(piece)
    except FileNotFoundError:
        return entry, None
    return entry, digest.hexdigest()


def _fault(entry: FileEntry | str) -> tuple[FileEntry | str, str]:
    key = entry if isinstance(entry, str) else entry.key
    # Weights of models have many GB: pictures alone are held whole.
    is_picture = key.endswith(_PICTURES)
    digest = hashlib.sha256()
    content = io.BytesIO()
    try:
        for piece in file_store.pieces(key):
            digest.update(piece)
            if is_picture:
                content.write(piece)
            elif isinstance(entry, str):
                break
    except FileNotFoundError:
        return entry, MISSING
    if isinstance(entry, FileEntry) and digest.hexdigest() != entry.sha256:
        return entry, "differs"
    return entry, "is no picture" if is_picture and not _opens(content) else ""


def _opens(content: BinaryIO) -> bool:
    try:
        with Image.open(content) as picture:
            picture.load()
    except (OSError, SyntaxError, ValueError):
        return False
    return True


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
