"""What a backup says of itself, so that a restore can be held against it."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

FORMAT = 1
MANIFEST = "manifest.json"
DUMP = "database.dump"
FILES = "files"
LIST = "files.jsonl"


class BackupError(Exception):
    """A backup or a restore cannot go on; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of the store: its key there, its size in bytes, the hash of its content."""

    key: str
    size: int
    sha256: str


@dataclass(slots=True)
class Manifest:
    """One backup. `guards` is what keeps rows apart and as they are; `owners` is of functions.

    `gone` are keys that rows of the snapshot name and whose files were deleted for good, rows and
    all, before they were copied.
    """

    made_at: str
    version: str
    server: str
    dump_sha256: str
    dump_bytes: int
    tables: dict[str, int]
    sequences: dict[str, int | None]
    guards: dict[str, list[str]]
    owners: dict[str, str]
    file_count: int = 0
    file_bytes: int = 0
    gone: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    format: int = FORMAT

    def save(self, folder: Path) -> None:
        """Write it under `folder`; a backup without it is not whole."""
        draft = folder / f"{MANIFEST}.new"
        draft.write_text(json.dumps(asdict(self), indent=1, sort_keys=True) + "\n", "utf-8")
        draft.replace(folder / MANIFEST)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read that of the backup under `folder`.

        Raises:
            BackupError: there is none, or it is of another format.
        """
        try:
            found = json.loads((folder / MANIFEST).read_text("utf-8"))
        except FileNotFoundError:
            raise BackupError(f"{folder} holds no whole backup: {MANIFEST} is missing.") from None
        if found.get("format") != FORMAT:
            raise BackupError(
                f"{folder} was made in format {found.get('format')}, and this version of Easel "
                f"reads {FORMAT}. Restore it with the version that made it: {found.get('version')}."
            )
        return cls(**found)


def listed_files(folder: Path) -> Iterator[FileEntry]:
    """Yield what the backup under `folder` has of the store, a line in memory at a time."""
    with (folder / LIST).open(encoding="utf-8") as lines:
        for line in lines:
            yield FileEntry(**json.loads(line))


def sha256_of(path: Path) -> str:
    """Return the hash of a file, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
