"""The texts that tools write into files: chunks of a PNG, and fields of EXIF elsewhere."""

from collections.abc import Iterator
from contextlib import suppress

from PIL import ExifTags
from PIL import Image as PillowImage

from apps.images.files import PARAMETERS_CHUNK
from apps.images.foreign_parameters.values import MOST_TEXT

_USER_COMMENT = 0x9286
# How a comment says in its first eight bytes what it is written in (CIPA DC-008, 4.6.5).
_UNICODE = b"UNICODE\x00"
_CODES = (b"ASCII\x00\x00\x00", b"\x00" * 8)
# ComfyUI has no chunks in a WebP; it takes fields of text, from this one downwards.
_COMFYUI_FIELDS = range(ExifTags.Base.Model, ExifTags.Base.Model - 8, -1)
_COMFYUI_NAMES = frozenset({"prompt", "workflow"})


def texts_of(picture: PillowImage.Image) -> dict[str, str]:
    """Return the texts in the file of a loaded `picture` by their names; A1111's is `parameters`.

    One of more than `MOST_TEXT` characters is left out.
    """
    found: dict[str, str] = {}
    # EXIF that is made to break its readers raises anything; it has no more texts then.
    with suppress(Exception):
        found.update(_exif_texts(picture.getexif()))
    found |= {
        name: text
        for name, text in picture.info.items()
        if isinstance(name, str) and isinstance(text, str)
    }
    return {name: text for name, text in found.items() if len(text) <= MOST_TEXT}


def _exif_texts(exif: PillowImage.Exif) -> Iterator[tuple[str, str]]:
    for field in _COMFYUI_FIELDS:
        name, _, text = str(exif.get(field, "")).partition(":")
        if name.lower() in _COMFYUI_NAMES:
            yield name.lower(), text
    comment = exif.get_ifd(ExifTags.IFD.Exif).get(_USER_COMMENT)
    if isinstance(comment, bytes):
        yield PARAMETERS_CHUNK, _comment_text(comment[: 4 * MOST_TEXT])
    elif isinstance(comment, str):
        yield PARAMETERS_CHUNK, comment


def _comment_text(comment: bytes) -> str:
    code, content = comment[:8], comment[8:]
    if code == _UNICODE:
        return content.decode(_byte_order(content), "replace")
    return (content if code in _CODES else comment).decode("utf-8", "replace").strip("\x00")


def _byte_order(content: bytes) -> str:
    """Tell the byte order by where the zeros are: the names of the settings are Latin letters."""
    return "utf-16-le" if content[1::2].count(0) > content[::2].count(0) else "utf-16-be"
