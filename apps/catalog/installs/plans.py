"""Which files an install takes, and from where."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class WantedFile:
    """A file to fetch from `place` to `path`; what is not known of it beforehand is None or ""."""

    path: str
    place: str
    size: int | None = None
    sha256: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class InstallPlan:
    """All files of a model; `facts` are what the place says about it: license, tags …"""

    files: Sequence[WantedFile]
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def total_bytes(self) -> int | None:
        """Return the bytes of all, None while one is not known."""
        sizes = [file.size for file in self.files if file.size is not None]
        return sum(sizes) if len(sizes) == len(self.files) else None
