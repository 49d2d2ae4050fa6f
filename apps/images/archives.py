"""Pictures as one zip, written piece by piece: no more of it is held than a piece."""

import json
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import UTC
from typing import Any
from zipfile import ZipFile, ZipInfo

from apps.core.errors import Invalid
from apps.core.storage import PIECE_BYTES, file_store
from apps.images.exports import ExportFormat, export_picture
from apps.images.listed import ListedImage
from apps.images.storage import image_key

MOST_CHARACTERS = 80
# Of UTF-8: file systems have room for 255, and programs add to a name.
MOST_BYTES = 200
LIST_NAME = "pictures.json"
# Letters, marks, digits, punctuation and symbols: what is left out steers terminals and the
# direction of text, or cannot be written at all.
_KEPT_CATEGORIES = frozenset("LMNPS")
# What Pillow raises for a PNG that is cut short or altered.
_DAMAGED = (OSError, SyntaxError, ValueError)
_NOT_ON_WINDOWS = frozenset('<>:"/\\|?*')


def zip_pieces(images: Iterable[ListedImage], *, to: ExportFormat, quality: int) -> Iterator[bytes]:
    """Write pictures and a list of them as a zip; one whose file is gone is left out.

    Stored as they are: pictures are compressed already. One too large for `to`, or damaged, stays
    the PNG that it is.
    """
    sink = _Sink()
    taken: set[str] = set()
    with ZipFile(sink, "w") as archive, tempfile.SpooledTemporaryFile(PIECE_BYTES) as listed:
        before = "["
        for image in images:
            try:
                content, kind = _content(image, to=to, quality=quality)
            except FileNotFoundError:
                continue
            name = file_name(image, suffix=kind.suffix, taken=taken)
            with archive.open(_info(image, name), "w") as member:
                for piece in content:
                    member.write(piece)
                    if sink.size >= PIECE_BYTES:
                        yield sink.take()
            entry = json.dumps(_entry(image, name), ensure_ascii=False)
            listed.write(f"{before}\n{entry}".encode())
            before = ","
        listed.write(b"[]" if before == "[" else b"\n]")
        listed.seek(0)
        with archive.open(LIST_NAME, "w") as member:
            while some := listed.read(PIECE_BYTES):
                member.write(some)
                yield sink.take()
    yield sink.take()


def file_name(image: ListedImage, *, suffix: str, taken: set[str]) -> str:
    """Name the file of a picture: its day, its prompt, some digits of its own name.

    Good on every system, whatever the prompt is, and not among `taken`, to which it is added.
    """
    begin = f"{image.created_at.astimezone(UTC):%Y-%m-%d} {_words(image)}"
    for digits in (4, 8, 32):
        end = f" {image.image_name.hex[:digits]}.{suffix}"
        room = begin[: MOST_CHARACTERS - len(end)].encode()[: MOST_BYTES - len(end)]
        name = f"{room.decode(errors='ignore').rstrip()}{end}"
        # Names that differ in case alone are one file on Windows and macOS.
        if name.casefold() not in taken:
            break
    taken.add(name.casefold())
    return name


def _words(image: ListedImage) -> str:
    prompt = str(image.metadata.get("prompt", ""))[: 4 * MOST_CHARACTERS]
    kept = (
        character
        if unicodedata.category(character)[0] in _KEPT_CATEGORIES
        and character not in _NOT_ON_WINDOWS
        else " "
        for character in unicodedata.normalize("NFC", prompt)
    )
    return " ".join("".join(kept).split())


def _content(
    image: ListedImage, *, to: ExportFormat, quality: int
) -> tuple[Iterable[bytes], ExportFormat]:
    stored = file_store.pieces(image_key(user_id=image.user_id, image_name=image.image_name))
    if to is ExportFormat.PNG:
        return stored, to
    png = b"".join(stored)
    try:
        return [export_picture(png, to=to, quality=quality, metadata=image.metadata)], to
    except (Invalid, *_DAMAGED):
        return [png], ExportFormat.PNG


def _info(image: ListedImage, name: str) -> ZipInfo:
    info = ZipInfo(name, date_time=image.created_at.astimezone(UTC).timetuple()[:6])
    # Readable by whoever unpacks it.
    info.external_attr = 0o644 << 16
    return info


def _entry(image: ListedImage, name: str) -> dict[str, Any]:
    return {
        "file": name,
        "image_name": str(image.image_name),
        "created_at": image.created_at.astimezone(UTC).isoformat(),
        "width": image.width,
        "height": image.height,
        "image_origin": image.image_origin,
        "starred": image.starred,
        "rating": image.rating,
        "note": image.note,
        "tags": image.tags,
        "board": None if image.board_id is None else str(image.board_id),
        "metadata": image.metadata,
    }


class _Sink:
    """Where the zip is written to, and taken from before it has grown; it cannot be sought in."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0

    def write(self, part: bytes) -> int:
        self._parts.append(bytes(part))
        self.size += len(part)
        return len(part)

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Nothing is open here."""

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        self.size = 0
        return taken
