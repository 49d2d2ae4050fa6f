"""Drawing of any picture of the world from its description and a seed."""

from __future__ import annotations

import numpy as np

from gpu_tasks.training.starter.scenes import draw_scene
from gpu_tasks.training.starter.shapes import draw_shapes
from gpu_tasks.training.starter.world import Picture, ShapeSpec, Spec


def draw_picture(*, spec: Spec, rng: np.random.Generator) -> Picture:
    """Draw a picture of 8-bit RGB, shape (SIDE, SIDE, 3); equal seeds draw equal pictures."""
    if isinstance(spec, ShapeSpec):
        return draw_shapes(spec=spec, rng=rng)
    return draw_scene(spec=spec, rng=rng)
