"""Read the files that users send: hostile until decoded, and only their pixels are kept."""

import io
from dataclasses import dataclass
from typing import IO

from django.utils.translation import gettext as _
from PIL import ExifTags
from PIL import Image as PillowImage

from apps.core.errors import EaselError, Invalid
from apps.images.colours import flat_srgb
from apps.images.containers import end_of_picture, kind_of
from apps.images.foreign_parameters import ForeignParameters, read_parameters, texts_of
from apps.images.heavy_work import heavy_work

# What the EXIF tag Orientation asks for (CIPA DC-008, 4.6.4), by its value.
_TURNS = {
    2: PillowImage.Transpose.FLIP_LEFT_RIGHT,
    3: PillowImage.Transpose.ROTATE_180,
    4: PillowImage.Transpose.FLIP_TOP_BOTTOM,
    5: PillowImage.Transpose.TRANSPOSE,
    6: PillowImage.Transpose.ROTATE_270,
    7: PillowImage.Transpose.TRANSVERSE,
    8: PillowImage.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A decoded upload, and what the tool that made it had written into the file."""

    picture: PillowImage.Image
    parameters: ForeignParameters | None


def read_upload(file: IO[bytes], *, max_pixels: int) -> Upload:
    """Decode the first frame of an uploaded file: upright, in sRGB, without any of its metadata.

    PNG, JPEG, WebP and AVIF are taken, by what the content is, whatever the file calls itself.

    Raises:
        Invalid: it is none of these, damaged, cut short, larger than `max_pixels`, or goes on
            behind the end of the picture.
        RateLimited: too many are being decoded already.
    """
    content = file.read()
    with heavy_work():
        try:
            return _decode(content, max_pixels=max_pixels)
        except (EaselError, MemoryError):
            raise
        except (PillowImage.DecompressionBombError, PillowImage.DecompressionBombWarning) as error:
            raise _too_many_pixels(max_pixels) from error
        except Exception as error:
            # On files made to break them decoders raise anything; whatever it is, this is why.
            raise _refusal(_("This is not a complete PNG, JPEG, WebP or AVIF picture.")) from error


def _decode(content: bytes, *, max_pixels: int) -> Upload:
    kind = kind_of(content)
    if kind is None:
        raise ValueError("of no kind that is taken")
    if end_of_picture(content, kind=kind) != len(content):
        raise _refusal(_("There is more in this file than a picture. Save it anew and try again."))
    with PillowImage.open(io.BytesIO(content), formats=(kind,)) as picture:
        if picture.width * picture.height > max_pixels:
            raise _too_many_pixels(max_pixels)
        picture.load()
        return Upload(
            picture=_upright(flat_srgb(picture), orientation=_orientation(picture)),
            parameters=read_parameters(texts_of(picture)),
        )


def _orientation(picture: PillowImage.Image) -> object:
    try:
        return picture.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001 (as above; and a picture without good EXIF is a good picture)
        return None


def _upright(picture: PillowImage.Image, *, orientation: object) -> PillowImage.Image:
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return picture if turn is None else picture.transpose(turn)


def _too_many_pixels(limit: int) -> Invalid:
    return Invalid(fields={"file": [_("The picture has too many pixels.")]}, limit=limit)


def _refusal(message: str) -> Invalid:
    return Invalid(fields={"file": [message]})
