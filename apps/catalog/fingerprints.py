"""What a model's files are known by: their sizes and SHA-256, and one digest of them all."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

PIECE_BYTES = 1024**2


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file of a model; `path` is relative to where the model lies, with `/`."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """All files of a model."""

    files: tuple[ModelFile, ...]

    @property
    def size_bytes(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def sha256(self) -> str:
        """Return the digest of the one file, or of the sorted lines "path NUL sha256 newline"."""
        if len(self.files) == 1:
            return self.files[0].sha256
        digest = hashlib.sha256()
        for file in sorted(self.files, key=lambda file: file.path):
            digest.update(f"{file.path}\0{file.sha256}\n".encode())
        return digest.hexdigest()

    def files_json(self) -> list[dict[str, Any]]:
        """Return the files as the catalog keeps them."""
        return [
            {"path": file.path, "size": file.size, "sha256": file.sha256} for file in self.files
        ]


def fingerprint_of(files: Iterable[ModelFile]) -> Fingerprint:
    """Make the fingerprint of `files`, in the order of their paths."""
    return Fingerprint(tuple(sorted(files, key=lambda file: file.path)))


def digest_of_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint_of_directory(directory: Path) -> Fingerprint:
    """Read every file below `directory` that is no note for people or of ours.

    Raises:
        OSError: a file cannot be read.
    """
    facts = [
        (path.relative_to(directory).as_posix(), path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(directory.rglob("*"))
        if path.is_file() and _is_weighed(path)
    ]
    return _read(directory, tuple(facts))


# The tests enter the model that ships with Easel many times, and it does not change.
@lru_cache(maxsize=8)
def _read(directory: Path, facts: tuple[tuple[str, int, int], ...]) -> Fingerprint:
    files: Sequence[ModelFile] = [
        ModelFile(name, size, digest_of_file(directory / name)) for name, size, _changed in facts
    ]
    return fingerprint_of(files)


def _is_weighed(path: Path) -> bool:
    return path.name != "easel.json" and path.suffix != ".md" and "__pycache__" not in path.parts
