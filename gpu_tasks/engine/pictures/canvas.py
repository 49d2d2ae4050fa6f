"""What all work on pictures shares: boxes, limits, and three channels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from PIL import Image

from gpu_tasks.engine.errors import InvalidRequest

# A picture of this many pixels takes 200 MB as bytes; what is made on the way takes more.
MAX_PIXELS: Final = 8192 * 8192
MAX_SIDE: Final = 16_384


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of whole pixels; right and bottom lie outside, as everywhere in Pillow."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def corners(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom, for Pillow."""
        return self.left, self.top, self.right, self.bottom

    def scaled(self, scale: int) -> Box:
        """Return the same box of a picture `scale` times as large."""
        return Box(*(edge * scale for edge in self.corners))


def check_number(field: str, value: object, *, least: float, most: float, whole: bool) -> None:
    """Raise InvalidRequest for `field` unless `value` is a number within the limits, both included.

    Args:
        whole: Whether only whole numbers (of type int) will do.
    """
    expected = int if whole else int | float
    if not isinstance(value, expected) or isinstance(value, bool) or value != value:
        raise InvalidRequest({field: f"must be a {'whole ' if whole else ''}number"})
    if not least <= value <= most:
        raise InvalidRequest({field: f"must be between {least:g} and {most:g}"})


def check_size(size: tuple[int, int], *, multiple: int = 1) -> None:
    """Raise InvalidRequest, naming width and height, for a size (pixels) that cannot be worked on.

    Each side is a multiple of `multiple`, at most `MAX_SIDE`; there are at most `MAX_PIXELS`.
    """
    for field, side in zip(("width", "height"), size, strict=True):
        check_number(field, side, least=1, most=MAX_SIDE, whole=True)
        if side % multiple:
            raise InvalidRequest({field: f"must be a multiple of {multiple}"})
    if size[0] * size[1] > MAX_PIXELS:
        text = f"must be smaller: a picture may have {MAX_PIXELS} pixels"
        raise InvalidRequest({"width": text, "height": text})


def largest_to_enlarge(size: tuple[int, int], *, scale: int) -> tuple[int, int]:
    """Return a size (pixels), made smaller until `scale` times it is one that can be worked on."""
    width, height = size
    part = min(math.sqrt(MAX_PIXELS / (width * height)), MAX_SIDE / max(size)) / scale
    if part >= 1:
        return size
    return max(int(width * part), 1), max(int(height * part), 1)


def check_picture(field: str, picture: Image.Image) -> None:
    """Raise InvalidRequest for `field` if a picture has no pixels or too many."""
    width, height = picture.size
    if width < 1 or height < 1:
        raise InvalidRequest({field: "has no pixels"})
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise InvalidRequest({field: f"is too large: it may have {MAX_PIXELS} pixels"})


def flatten(picture: Image.Image) -> Image.Image:
    """Return a picture in RGB, itself if it is; what is transparent is laid on white."""
    if picture.mode == "RGB":
        return picture
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    ground = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(ground, layer).convert("RGB")
