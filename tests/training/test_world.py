"""The drawn world: deterministic, truthful and with a part kept out of training."""

from __future__ import annotations

import numpy as np
import pytest

from gpu_tasks.training.starter.dataset import describe_training_picture, draw_training_picture
from gpu_tasks.training.starter.drawing import draw_picture
from gpu_tasks.training.starter.rules import read_picture
from gpu_tasks.training.starter.world import (
    COLORS,
    LANDS,
    PLACES,
    SHAPES,
    SIDE,
    SceneSpec,
    ShapeSpec,
    is_held_out,
    sample_scene,
    sample_shapes,
)


def list_single_shapes() -> list[ShapeSpec]:
    return [
        ShapeSpec(shape, color, "white", 1, "medium", place)
        for shape in SHAPES
        for color in COLORS
        for place in PLACES
    ]


def test_a_picture_of_the_training_set_is_the_same_every_time() -> None:
    for index in range(6):
        spec, picture = draw_training_picture(index=index)
        again, repeated = draw_training_picture(index=index)
        assert spec == again == describe_training_picture(index=index)
        assert np.array_equal(picture, repeated)
        assert picture.shape == (SIDE, SIDE, 3)
        assert picture.dtype == np.uint8


def test_two_seeds_draw_different_landscapes() -> None:
    spec = SceneSpec("sea", "sunset", snowy=False, body="sun", stars=False, cactus=False)
    first = draw_picture(spec=spec, rng=np.random.default_rng(1)).astype(int)
    second = draw_picture(spec=spec, rng=np.random.default_rng(2)).astype(int)
    assert np.abs(first - second).mean() > 4


@pytest.mark.parametrize("land", LANDS)
def test_a_night_is_darker_than_a_day(land: str) -> None:
    day = SceneSpec(land, "day", snowy=False, body="none", stars=False, cactus=False)
    night = SceneSpec(land, "night", snowy=False, body="none", stars=False, cactus=False)
    bright = draw_picture(spec=day, rng=np.random.default_rng(3)).mean()
    dark = draw_picture(spec=night, rng=np.random.default_rng(3)).mean()
    assert dark < 0.6 * bright


def test_training_never_draws_a_held_out_combination() -> None:
    assert not any(is_held_out(spec=describe_training_picture(index=i)) for i in range(4000))


def test_about_one_combination_in_thirteen_is_held_out_and_none_in_the_centre() -> None:
    specs = list_single_shapes()
    held_out = [spec for spec in specs if is_held_out(spec=spec)]
    assert 0.05 < len(held_out) / len(specs) < 0.1
    assert all(spec.place != "center" for spec in held_out)
    assert {spec.color for spec in held_out} == set(COLORS)
    assert {spec.shape for spec in held_out} == set(SHAPES)


def test_landscapes_contradict_themselves_never() -> None:
    rng = np.random.default_rng(4)
    for _ in range(500):
        spec = sample_scene(rng=rng)
        assert spec.sky == "night" or (not spec.stars and "moon" not in spec.body)
        assert spec.body != "sun" or spec.sky in ("day", "sunset")
        assert not spec.cactus or spec.land == "desert"


def test_the_pixel_rules_read_drawn_pictures_rightly() -> None:
    rng = np.random.default_rng(5)
    pictures = 150
    wrong = dict.fromkeys(("ground", "color", "count", "shape", "place"), 0)
    for _ in range(pictures):
        spec = sample_shapes(rng=rng)
        reading = read_picture(picture=draw_picture(spec=spec, rng=rng))
        for name in wrong:
            if name != "place" or spec.count == 1:
                wrong[name] += getattr(reading, name) != getattr(spec, name)
    assert max(wrong.values()) <= 0.02 * pictures


def test_the_pixel_rules_find_nothing_on_an_empty_ground() -> None:
    reading = read_picture(picture=np.full((SIDE, SIDE, 3), 249, dtype=np.uint8))
    assert (reading.ground, reading.count) == ("white", 0)
