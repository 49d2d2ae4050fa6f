"""Pictures on their way to a provider and back; what comes back is trusted in nothing."""

from __future__ import annotations

import io
from typing import Final

from PIL import Image, ImageOps

from gpu_tasks.engine.pictures.canvas import flatten
from gpu_tasks.providers.errors import ProviderBadAnswer

_FORMATS: Final = ("PNG", "JPEG", "WEBP")
MOST_SIDE: Final = 4096
MOST_PIXELS: Final = 16_777_216
LEAST_SIDE: Final = 64


def read_picture(data: bytes, *, least: tuple[int, int] | None = None) -> Image.Image:
    """Return a picture that a provider sent, as RGB and without what came with it.

    What is transparent is laid on white. `least` are the width and the height that were asked for:
    it may be larger.

    Raises:
        ProviderBadAnswer: it is none, is broken, or is of a size that nobody asked for.
    """
    try:
        # Only its head is read here.
        picture = Image.open(io.BytesIO(data), formats=_FORMATS)
    except Exception as error:
        raise ProviderBadAnswer(f"no picture: {type(error).__name__}") from error
    width, height = picture.size
    if not _is_sane(width, height) or (least and (width < least[0] or height < least[1])):
        raise ProviderBadAnswer(f"a picture of {width} × {height}")
    try:
        plain = flatten(picture).copy()
    except Exception as error:
        # Pillow's readers raise many kinds at hostile bytes.
        raise ProviderBadAnswer(f"no picture: {type(error).__name__}") from error
    # Profiles, comments and the like would be stored with it.
    plain.info.clear()
    return plain


def to_png(picture: Image.Image) -> bytes:
    """Return a picture as the bytes of a PNG."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def within(picture: Image.Image, side: int) -> Image.Image:
    """Return a copy of a picture, made smaller if a side has more than `side` pixels."""
    copy = picture.copy()
    copy.thumbnail((side, side))
    return copy


def holes_of(mask: Image.Image) -> Image.Image:
    """Return a picture that is transparent where `mask` is white, and opaque elsewhere."""
    alpha = ImageOps.invert(mask.convert("L"))
    holes = Image.new("RGBA", mask.size, (0, 0, 0, 255))
    holes.putalpha(alpha)
    return holes


def _is_sane(width: int, height: int) -> bool:
    sides = min(width, height) >= LEAST_SIDE and max(width, height) <= MOST_SIDE
    return sides and width * height <= MOST_PIXELS
