"""Latents of other latents: scaled, and blended."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.family_facts import FAMILY_FACTS
from gpu_tasks.engine.latents import Latents
from gpu_tasks.engine.libraries import torch
from gpu_tasks.engine.limits import number_problem
from gpu_tasks.engine.request import MAX_SIZE, MIN_SIZE

SCALINGS: Final = ("nearest", "bilinear", "bicubic", "area")


def upscale_latents(
    latents: Latents, *, width: int, height: int, scaling: str = "bilinear"
) -> Latents:
    """Scale latents to what is decoded to pictures of `width` × `height` pixels.

    Raises:
        InvalidRequest: the model knows no such size, or `scaling` is none of `SCALINGS`.
    """
    multiple = FAMILY_FACTS[latents.base].size_multiple
    problems = {
        name: f"must be a multiple of {multiple} from {MIN_SIZE} to {MAX_SIZE}"
        for name, side in (("width", width), ("height", height))
        if side % multiple or not MIN_SIZE <= side <= MAX_SIZE
    }
    if scaling not in SCALINGS:
        problems["scaling"] = f"must be one of {', '.join(SCALINGS)}"
    if problems:
        raise InvalidRequest(problems)
    tensor = latents.tensor
    size = (height // 8, width // 8)
    smooth = {"align_corners": False} if scaling in ("bilinear", "bicubic") else {}
    # Of a film, whose one frame is a dimension of its own, as of a picture.
    flat = tensor.reshape(len(tensor), -1, *tensor.shape[-2:])
    with torch.inference_mode():
        scaled = torch.nn.functional.interpolate(flat.float(), size=size, mode=scaling, **smooth)
    return replace(
        latents,
        tensor=scaled.reshape(*tensor.shape[:-2], *size).to(tensor.dtype),
        spread=None,
        width=width,
        height=height,
    )


def blend_latents(one: Latents, other: Latents, *, part: float) -> Latents:
    """Go the `part` of the way (0 to 1) from one to the other; one row goes with each of many.

    Raises:
        InvalidRequest: they differ in kind, in size, or in number.
    """
    if problem := number_problem(part, least=0.0, most=1.0):
        raise InvalidRequest({"part": problem})
    if (one.space, one.tensor.shape[1:]) != (other.space, other.tensor.shape[1:]):
        raise InvalidRequest({"latents": "must be of one kind of model and of one size"})
    if one.rows != other.rows and 1 not in (one.rows, other.rows):
        raise InvalidRequest({"latents": "must be as many as the others, or one"})
    more = one if one.rows >= other.rows else other
    with torch.inference_mode():
        tensor = torch.lerp(one.tensor.float(), other.tensor.float(), part).to(one.tensor.dtype)
    return replace(
        one,
        tensor=tensor,
        spread=None,
        seeds=more.seeds,
        singly=one.singly or other.singly,
        is_sparing=one.is_sparing or other.is_sparing,
    )
