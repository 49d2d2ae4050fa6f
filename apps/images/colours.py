"""Whatever way a file writes its colours: as 8 bits of sRGB a channel, on white."""

import io
from typing import Any

from PIL import Image as PillowImage
from PIL import ImageCms

# Of the kinds of colour a profile may be of (ICC.1:2022, 7.2.6), those that pictures here have.
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_HIGH_BYTES = [value >> 8 for value in range(65536)]
# The profile of a printing press has some three million; more is no profile.
_MOST_PROFILE_BYTES = 4 * 1024**2


def flat_srgb(picture: PillowImage.Image) -> PillowImage.Image:
    """Return `picture` in sRGB without its transparency and its metadata.

    A profile that is damaged, or of another kind of colour than the picture, is not heeded: the
    colours are taken for sRGB then, as browsers do.
    """
    profile = picture.info.get("icc_profile")
    alpha = None
    if picture.mode.startswith("I"):
        picture = picture.convert("I").point(_HIGH_BYTES, "L")
    elif picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        alpha = rgba.getchannel("A")
        picture = rgba.convert("RGB")
    colours = _to_srgb(picture, profile)
    flat = PillowImage.new("RGB", colours.size, "white")
    flat.paste(colours, mask=alpha)
    return flat


def _to_srgb(picture: PillowImage.Image, profile: Any) -> PillowImage.Image:
    if isinstance(profile, bytes) and len(profile) <= _MOST_PROFILE_BYTES:
        try:
            return _converted(picture, profile)
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    return picture.convert("RGB")


def _converted(picture: PillowImage.Image, profile: bytes) -> PillowImage.Image:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    mode = _MODES.get(source.profile.xcolor_space.strip())
    if mode is None or (mode == "CMYK") != (picture.mode == "CMYK"):
        raise ValueError("a profile of another kind of colour")
    converted = ImageCms.profileToProfile(
        picture.convert(mode), source, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    if converted is None:
        raise ValueError("converted in place")
    return converted
