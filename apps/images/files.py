"""Encode pictures as the files users get, and read the files users send."""

import io
import json
import warnings
from collections.abc import Mapping
from typing import IO, Any

from django.utils.translation import gettext as _
from PIL import Image as PillowImage
from PIL import ImageOps, PngImagePlugin, UnidentifiedImageError

from apps.core.errors import Invalid

METADATA_CHUNK = "easel"
PARAMETERS_CHUNK = "parameters"
UPLOAD_FORMATS = ("PNG", "JPEG", "WEBP")


def encode_png(picture: PillowImage.Image, *, metadata: Mapping[str, Any]) -> bytes:
    """Encode `picture` with its `metadata` in two text chunks.

    `easel` holds the JSON; `parameters` holds the one line that other tools read.
    """
    chunks = PngImagePlugin.PngInfo()
    if metadata:
        chunks.add_itxt(METADATA_CHUNK, json.dumps(metadata, ensure_ascii=False))
        chunks.add_itxt(PARAMETERS_CHUNK, parameters_text(metadata))
    buffer = io.BytesIO()
    # Level 6 costs twice the time of 4 for 1 % of the size.
    picture.save(buffer, format="PNG", pnginfo=chunks, compress_level=4)
    return buffer.getvalue()


def encode_thumbnail(picture: PillowImage.Image, *, size: int) -> bytes:
    """Encode a WebP of at most `size` pixels a side; a smaller picture is not enlarged."""
    thumbnail = picture.convert("RGB")
    thumbnail.thumbnail((size, size), PillowImage.Resampling.LANCZOS)
    buffer = io.BytesIO()
    thumbnail.save(buffer, format="WEBP", quality=85, method=3)
    return buffer.getvalue()


def parameters_text(metadata: Mapping[str, Any]) -> str:
    """Write `metadata` as the `parameters` text that A1111 introduced and many tools read."""
    lines = [str(metadata.get("prompt", ""))]
    if metadata.get("negative_prompt"):
        lines.append(f"Negative prompt: {metadata['negative_prompt']}")
    settings = {
        "Steps": metadata.get("steps"),
        "Sampler": metadata.get("scheduler_name") or metadata.get("scheduler"),
        "CFG scale": metadata.get("guidance_scale"),
        "Seed": metadata.get("seed"),
        "Size": f"{metadata.get('width')}x{metadata.get('height')}",
        "Model": metadata.get("model"),
        "Denoising strength": metadata.get("strength"),
        "Version": f"Easel {metadata.get('easel_version')}",
    }
    lines.append(
        ", ".join(f"{name}: {value}" for name, value in settings.items() if value is not None)
    )
    return "\n".join(lines)


def read_upload(file: IO[bytes], *, max_pixels: int) -> PillowImage.Image:
    """Decode an uploaded file fully, upright, as RGB without any of its metadata.

    Only PNG, JPEG and WebP are opened, whatever the file calls itself.

    Raises:
        Invalid: it is none of these, damaged, cut short, or larger than `max_pixels`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PillowImage.DecompressionBombWarning)
            picture = PillowImage.open(file, formats=UPLOAD_FORMATS)
            if picture.width * picture.height > max_pixels:
                raise Invalid(
                    fields={"file": [_("The picture has too many pixels.")]}, limit=max_pixels
                )
            picture.load()
    except (
        UnidentifiedImageError,
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        PillowImage.DecompressionBombError,
        PillowImage.DecompressionBombWarning,
    ) as error:
        raise Invalid(
            fields={"file": [_("This is not a complete PNG, JPEG or WebP picture.")]}
        ) from error
    upright = ImageOps.exif_transpose(picture)
    flat = PillowImage.new("RGB", upright.size, "white")
    rgba = upright.convert("RGBA")
    flat.paste(rgba, mask=rgba.getchannel("A"))
    return flat
