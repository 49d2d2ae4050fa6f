"""Noise between that of two seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gpu_tasks.engine.libraries import torch


def blend_first_noise(pipeline: Any, *, others: Sequence[torch.Generator], part: float) -> None:
    """Have a pipeline start from noise between its own and that of `others`, one for each row.

    `part` 0 is its own, 1 that of the others. Only for a pipeline that belongs to one call.
    """
    prepare = pipeline.prepare_latents

    def prepare_blended(*args: Any, **kwargs: Any) -> Any:
        own = prepare(*args, **kwargs)
        if "generator" in kwargs:
            other = prepare(*args, **(kwargs | {"generator": list(others)}))
        else:
            other = prepare(
                *(list(others) if _is_generators(value) else value for value in args), **kwargs
            )
        if isinstance(own, tuple):
            return (slerp(own[0], other[0], part), *own[1:])
        return slerp(own, other, part)

    pipeline.prepare_latents = prepare_blended


def slerp(one: torch.Tensor, other: torch.Tensor, part: float) -> torch.Tensor:
    """Go along the sphere from one noise to another, row by row.

    In a straight line noise in between would be weaker, and pictures flat
    (Shoemake 1985, https://doi.org/10.1145/325334.325242).
    """
    rows = []
    for first, second in zip(one.float(), other.float(), strict=True):
        cosine = torch.nn.functional.cosine_similarity(first.flatten(), second.flatten(), dim=0)
        angle = torch.arccos(cosine.clamp(-1, 1))
        if float(torch.sin(angle)) < 1e-4:
            rows.append(torch.lerp(first, second, part))
            continue
        rows.append(
            (torch.sin((1 - part) * angle) * first + torch.sin(part * angle) * second)
            / torch.sin(angle)
        )
    return torch.stack(rows).to(one)


def _is_generators(value: object) -> bool:
    items = value if isinstance(value, list) else [value]
    return all(isinstance(item, torch.Generator) for item in items) and bool(items)
