"""Unpack an archive of a stranger: what lies in it stays in its folder, and stays small enough.

What an archive says of itself is believed nowhere: bytes are counted as they come out.
"""

import gzip
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from django.utils.translation import gettext as _

from apps.catalog.probing import ProbeRefused
from apps.catalog.probing.contents import MOST_FILES
from apps.catalog.storage import is_safe_path

# Weights are noise: nothing honest becomes twenty times as large.
MOST_RATIO = 20
FREE_BYTES = 16 * 1024**2
MOST_DIRECTORY = 16 * 1024**2
MOST_AT_ONCE = 16 * 1024**2
# Of all headers of a tar together: some are kept until its end.
MOST_HEADERS = 16 * 1024**2
PIECE_BYTES = 1024**2
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
# Beside models lie notes and pictures, which nothing here needs.
_PASSED_OVER = frozenset(
    {
        ".md",
        ".png",
        ".jpg",
        ".jpeg",
        ".webp",
        ".gif",
        ".yaml",
        ".yml",
        ".gitattributes",
        ".ds_store",
    }
)
_ENCRYPTED = 0x1


def is_archive(name: str) -> bool:
    """Say whether a file is to be unpacked, by its name: weights are never."""
    return name.lower().endswith(ARCHIVES)


def unpack(archive: Path, target: Path, *, name: str, most_bytes: int) -> None:
    """Unpack `archive`, called `name`, into the new directory `target`.

    Raises:
        ProbeRefused: it is damaged, or not a harmless archive of at most `most_bytes`.
        OSError: the disk is full, or away.
    """
    room = _Room(min(most_bytes, MOST_RATIO * archive.stat().st_size + FREE_BYTES))
    target.mkdir(parents=True)
    try:
        if name.lower().endswith(".zip"):
            _unpack_zip(archive, target, room)
        else:
            _unpack_tar(archive, target, room)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, gzip.BadGzipFile) as error:
        raise _damaged(str(error)) from error
    except (zlib.error, struct.error, FileExistsError, NotADirectoryError) as error:
        # The last two: one entry is a file, and another lies in it as in a folder.
        raise _damaged(str(error)) from error
    except (RuntimeError, NotImplementedError, UnicodeError, ValueError, OverflowError) as error:
        # What the two modules raise for what they do not know.
        raise _damaged(str(error)) from error


def model_root(directory: Path) -> Path:
    """Return where the model lies in what was unpacked: below a folder that holds all of it."""
    for _level in range(3):
        inside = list(directory.iterdir())
        if len(inside) != 1 or not inside[0].is_dir():
            break
        directory = inside[0]
    return directory


class _Room:
    """Counts what comes out of an archive."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.entries = 0
        self.names: set[str] = set()

    def enter(self, name: str) -> str | None:
        """Return where to put an entry, None if it is passed over."""
        self.entries += 1
        if self.entries > MOST_FILES:
            raise ProbeRefused(_("There are too many files in it."))
        if not is_safe_path(name.removeprefix("./")):
            if _is_passed_over(name):
                return None
            raise ProbeRefused(_("A file in it has a name that cannot be used."), reason=name)
        name = name.removeprefix("./")
        if name.casefold() in self.names:
            raise ProbeRefused(_("Two files in it have one name."), reason=name)
        self.names.add(name.casefold())
        return None if _is_passed_over(name) else name

    def take(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise ProbeRefused(_("It becomes far larger when it is unpacked, and was left alone."))


def _is_passed_over(name: str) -> bool:
    parts = name.removeprefix("./").split("/")
    if ".." in parts or name.startswith("/") or "\\" in name:
        return False
    is_note = Path(name).suffix.lower() in _PASSED_OVER or parts[-1].lower() in _PASSED_OVER
    return parts[0] == "__MACOSX" or is_note


def _damaged(reason: str) -> ProbeRefused:
    return ProbeRefused(_("The archive is damaged, or not a plain zip or tar."), reason=reason)


def _unpack_zip(archive: Path, target: Path, room: _Room) -> None:
    # The module reads all of the list of entries into memory.
    if _zip_directory_bytes(archive) > MOST_DIRECTORY:
        raise ProbeRefused(_("There are too many files in it."))
    with zipfile.ZipFile(archive) as found:
        for entry in found.infolist():
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if kind not in {0, stat.S_IFREG, stat.S_IFDIR} or entry.flag_bits & _ENCRYPTED:
                raise _odd(entry.filename)
            if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                raise _odd(entry.filename)
            if entry.is_dir():
                _check_folder(entry.filename, room)
            elif (name := room.enter(entry.filename)) is not None:
                with found.open(entry) as source:
                    _write(source, target / name, room)


def _zip_directory_bytes(archive: Path) -> int:
    size = archive.stat().st_size
    with archive.open("rb") as file:
        file.seek(max(0, size - 66_000))
        tail = file.read()
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) < at + 22:
            raise _damaged("no end")
        count = int.from_bytes(tail[at + 12 : at + 16], "little")
        locator = tail[at - 20 : at] if at >= 20 else b""
        if not locator.startswith(b"PK\x06\x07"):
            return count
        # Where the module looks for it, whatever place the locator names.
        file.seek(max(0, size - len(tail) + at - 20 - 56))
        record = file.read(56)
    if not record.startswith(b"PK\x06\x06"):
        raise _damaged("no end of 64 bits")
    return int.from_bytes(record[40:48], "little")


def _unpack_tar(archive: Path, target: Path, room: _Room) -> None:
    with ExitStack() as stack:
        file: Any = stack.enter_context(archive.open("rb"))
        if file.read(2) == b"\x1f\x8b":
            file.seek(0)
            file = stack.enter_context(gzip.GzipFile(fileobj=file))
        file.seek(0)
        guard: Any = _Guarded(file, room)
        found: Any = stack.enter_context(tarfile.TarFile(fileobj=guard, mode="r"))
        for entry in _members(found):
            if entry.isdir():
                _check_folder(entry.name, room)
                continue
            if entry.type not in {tarfile.REGTYPE, tarfile.AREGTYPE} or entry.issparse():
                raise _odd(entry.name)
            name = room.enter(entry.name)
            source = found.extractfile(entry)
            if name is not None and source is not None:
                guard.is_in_content = True
                _write(source, target / name, room, is_counted=False)
                guard.is_in_content = False


def _members(found: Any) -> Iterator[tarfile.TarInfo]:
    while (entry := found.next()) is not None:
        # It keeps every one that it has read.
        found.members = []
        yield entry


class _Guarded:
    """A file that counts what is read of it, and gives no more at once than any header needs."""

    def __init__(self, file: IO[bytes], room: _Room) -> None:
        self._file = file
        self._room = room
        self._headers_left = MOST_HEADERS
        self.is_in_content = False

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MOST_AT_ONCE:
            raise _damaged("a header is too large")
        found = self._file.read(size)
        self._room.take(len(found))
        if not self.is_in_content:
            self._headers_left -= len(found)
            if self._headers_left < 0:
                raise _damaged("its headers are too large")
        return found

    def seek(self, place: int, whence: int = 0) -> int:
        # To go on in a packed stream is to unpack what lies between.
        self._room.take(max(0, place - self._file.tell()) if whence == 0 else 0)
        return self._file.seek(place, whence)

    def tell(self) -> int:
        return self._file.tell()


def _odd(name: str) -> ProbeRefused:
    return ProbeRefused(
        _("There is a link, a device or something locked in it; only plain files are taken."),
        reason=name,
    )


def _check_folder(name: str, room: _Room) -> None:
    clean = name.removeprefix("./").rstrip("/")
    room.entries += 1
    if room.entries > MOST_FILES:
        raise ProbeRefused(_("There are too many files in it."))
    if clean and clean != "." and not is_safe_path(clean) and not _is_passed_over(clean):
        raise ProbeRefused(_("A file in it has a name that cannot be used."), reason=name)


def _write(source: IO[bytes], target: Path, room: _Room, *, is_counted: bool = True) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        while piece := source.read(PIECE_BYTES):
            if is_counted:
                room.take(len(piece))
            file.write(piece)
