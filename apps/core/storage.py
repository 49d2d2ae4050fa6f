"""Where files lie, on disk or on S3 (`s3_storage`), and what both can do beside Django's own.

A key has its whole old content or its whole new one, never half a file, on either.
"""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import NamedTuple, Protocol, cast

from django.core.files import File
from django.core.files.storage import FileSystemStorage, default_storage

PIECE_BYTES = 1024**2
FILES_A_BATCH = 1000
# A name within a key.
UUID_PATTERN = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class StoredFile(NamedTuple):
    """A key, and since when it has its content."""

    key: str
    written_at: datetime


class FileStore(Protocol):
    """What can be done with files without ever holding all of one, or all of their names."""

    def pieces(self, key: str, part: range | None = None) -> Iterator[bytes]:
        """Open a file and return its content, or those bytes of it, piece by piece.

        Raises:
            FileNotFoundError: there is none.
            OSError: the store is away.
        """

    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete files; those that are gone already are no error."""

    def walk(self, folder: str) -> Iterator[StoredFile]:
        """Yield every file below `folder`, in no order that can be relied on."""


class AtomicFileSystemStorage(FileSystemStorage):
    """Files under a directory, each complete or absent whenever the process or machine stops."""

    def pieces(self, key: str, part: range | None = None) -> Iterator[bytes]:
        return begun(_read(Path(self.path(key)), part))

    def delete_many(self, keys: Sequence[str]) -> None:
        for key in keys:
            Path(self.path(key)).unlink(missing_ok=True)

    def walk(self, folder: str) -> Iterator[StoredFile]:
        root = Path(self.path(""))
        for directory, _folders, names in os.walk(self.path(folder)):
            for name in names:
                path = Path(directory, name)
                try:
                    seconds = path.stat().st_mtime
                except FileNotFoundError:
                    # Deleted since the directory was read.
                    continue
                key = path.relative_to(root).as_posix()
                yield StoredFile(key, datetime.fromtimestamp(seconds, UTC))

    def _save(self, name: str, content: File[bytes]) -> str:
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".incomplete-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return name


def _read(path: Path, part: range | None) -> Iterator[bytes]:
    with path.open("rb") as file:
        if part is not None:
            file.seek(part.start)
        left = sys.maxsize if part is None else len(part)
        while piece := file.read(min(PIECE_BYTES, left)):
            left -= len(piece)
            yield piece


def begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Read the first piece now: whether there is a file is known before anything is sent of it."""
    return chain([next(pieces, b"")], pieces)


# Files are saved by `default_storage`; this is the same store.
file_store = cast("FileStore", default_storage)


def old_keys(folder: str, *, before: datetime) -> Iterator[list[str]]:
    """Walk the keys below a folder that were written `before`, some at a time, never all."""
    keys: list[str] = []
    for file in file_store.walk(folder):
        if file.written_at < before:
            keys.append(file.key)
        if len(keys) == FILES_A_BATCH:
            yield keys
            keys = []
    if keys:
        yield keys
