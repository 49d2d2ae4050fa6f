"""The world of the starter model: what its pictures can show, and which of it is held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

SIDE: Final = 128

Picture = npt.NDArray[np.uint8]
Canvas = npt.NDArray[np.floating[Any]]

COLORS: Final[dict[str, tuple[int, int, int]]] = {
    "red": (217, 40, 42),
    "orange": (246, 138, 28),
    "yellow": (250, 216, 52),
    "green": (44, 158, 74),
    "blue": (38, 92, 212),
    "purple": (124, 58, 170),
    "pink": (246, 150, 190),
    "white": (249, 249, 249),
    "black": (20, 20, 23),
}
SHAPES: Final = ("circle", "square", "triangle", "star", "heart")
SIZES: Final = ("small", "medium", "large")
PLACES: Final = (
    "center",
    "left",
    "right",
    "top",
    "bottom",
    "top left",
    "top right",
    "bottom left",
    "bottom right",
)
LANDS: Final = ("sea", "mountains", "forest", "desert", "city", "snow")
SKIES: Final = ("day", "sunset", "night", "rain")
BODIES: Final = ("none", "sun", "full moon", "crescent moon")

SHAPE_SHARE: Final = 0.7
_COUNT_WEIGHTS: Final = (0.58, 0.14, 0.14, 0.14)


@dataclass(frozen=True)
class ShapeSpec:
    """Describe one to four equal shapes on a plain ground; place matters for a single shape."""

    shape: str
    color: str
    ground: str
    count: int
    size: str
    place: str


@dataclass(frozen=True)
class SceneSpec:
    """Describe a painted landscape: land, sky, snow cover, body in the sky, stars and cactus."""

    land: str
    sky: str
    snowy: bool
    body: str
    stars: bool
    cactus: bool


Spec = ShapeSpec | SceneSpec


def is_held_out(*, spec: Spec) -> bool:
    """Tell whether a picture's colour, shape and place together are kept out of training.

    About one combination in thirteen is held out; no centred one, so every colour and every
    shape is learned in the plainest picture.
    """
    if not isinstance(spec, ShapeSpec) or spec.count != 1 or spec.place == "center":
        return False
    color = list(COLORS).index(spec.color)
    return (7 * color + 3 * SHAPES.index(spec.shape) + 5 * PLACES.index(spec.place)) % 13 == 0


def sample_shapes(*, rng: np.random.Generator) -> ShapeSpec:
    """Sample a picture of shapes, held-out combinations included."""
    color, ground = rng.choice(list(COLORS), size=2, replace=False)
    count = int(rng.choice(4, p=_COUNT_WEIGHTS)) + 1
    size = str(rng.choice(SIZES, p=(0.3, 0.4, 0.3)))
    if count > 2 and size == "large":
        size = "medium"
    place = "center"
    if count == 1 and rng.random() > 0.2:
        place = str(rng.choice(PLACES[1:]))
    return ShapeSpec(
        shape=str(rng.choice(SHAPES)),
        color=str(color),
        ground=str(ground),
        count=count,
        size=size,
        place=place,
    )


def sample_scene(*, rng: np.random.Generator) -> SceneSpec:
    """Sample a landscape whose parts agree: no sun at night, no stars by day."""
    land = str(rng.choice(LANDS))
    sky = str(rng.choice(SKIES, p=(0.28, 0.28, 0.28, 0.16)))
    body = "none"
    if sky in ("day", "sunset") and rng.random() < 0.6:
        body = "sun"
    if sky == "night" and rng.random() < 0.75:
        body = str(rng.choice(BODIES[2:], p=(0.6, 0.4)))
    return SceneSpec(
        land=land,
        sky=sky,
        snowy=land == "snow" or (land in ("mountains", "forest") and rng.random() < 0.4),
        body=body,
        stars=sky == "night" and bool(rng.random() < 0.6),
        cactus=land == "desert" and bool(rng.random() < 0.5),
    )


def sample_spec(*, rng: np.random.Generator) -> Spec:
    """Sample what a picture of the training set shows; never a held-out combination."""
    while True:
        spec = sample_shapes(rng=rng) if rng.random() < SHAPE_SHARE else sample_scene(rng=rng)
        if not is_held_out(spec=spec):
            return spec
