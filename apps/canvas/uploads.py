"""Read the pixels of layers that clients send: as PNG, with their alpha, and nothing else."""

import io
from typing import IO

from django.utils.translation import gettext as _
from PIL import Image as PillowImage

from apps.core.errors import EaselError, Invalid
from apps.images.containers import end_of_picture, kind_of
from apps.images.files import encode_png
from apps.images.heavy_work import heavy_work


def read_layer(file: IO[bytes], *, max_pixels: int) -> tuple[bytes, tuple[int, int]]:
    """Decode a PNG and encode it anew; return that as RGBA and its width and height.

    Raises:
        Invalid: it is no PNG, damaged, cut short, larger than `max_pixels`, or goes on behind the
            end of the picture.
        RateLimited: too many are being decoded already.
    """
    content = file.read()
    with heavy_work():
        try:
            picture = _decode(content, max_pixels=max_pixels)
        except (EaselError, MemoryError):
            raise
        except Exception as error:
            # On files made to break them decoders raise anything; whatever it is, this is why.
            raise _refusal(_("This is not a complete PNG.")) from error
        return encode_png(picture, metadata={}), picture.size


def _decode(content: bytes, *, max_pixels: int) -> PillowImage.Image:
    if kind_of(content) != "PNG" or end_of_picture(content, kind="PNG") != len(content):
        raise ValueError("no PNG, or more than one")
    with PillowImage.open(io.BytesIO(content), formats=("PNG",)) as picture:
        if picture.width * picture.height > max_pixels:
            raise _refusal(_("The layer has too many pixels."))
        picture.load()
        pixels = picture.convert("RGBA")
    pixels.info.clear()
    return pixels


def _refusal(message: str) -> Invalid:
    return Invalid(fields={"file": [message]})
