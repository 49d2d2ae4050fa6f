"""How many pictures a forward pass should have: what was measured decides."""

from __future__ import annotations

import pytest

from gpu_tasks.engine.batching import Batching, BatchTable

SHAPE = "shape"


def table(**seconds_a_picture: float) -> BatchTable:
    """Make a table that has seen one pass of each size: `_2=0.5` is a pass of two in a second."""
    made = BatchTable(Batching.AUTO)
    for name, seconds in seconds_a_picture.items():
        pictures = int(name.removeprefix("_"))
        made.note(SHAPE, pictures=pictures, seconds=seconds * pictures)
    return made


def test_the_first_job_of_a_shape_is_made_alone() -> None:
    assert table().pictures_for(SHAPE) == 1


@pytest.mark.parametrize(
    ("known", "size"),
    [
        ({"_1": 1.0}, 2),
        ({"_1": 1.0, "_2": 0.8}, 4),
        ({"_1": 1.0, "_2": 0.8, "_4": 0.6}, 8),
        ({"_1": 1.0, "_2": 0.8, "_4": 0.6, "_8": 0.5}, 8),
        ({"_1": 1.0, "_2": 0.95}, 1),
        ({"_1": 1.0, "_2": 0.8, "_4": 0.79}, 2),
        ({"_1": 1.0, "_2": 0.8, "_4": 0.6, "_8": 0.59}, 4),
        # Three pictures tell of passes of two.
        ({"_1": 1.0, "_3": 0.95}, 1),
    ],
)
def test_a_size_is_taken_as_long_as_it_pays_and_the_next_is_tried(
    known: dict[str, float], size: int
) -> None:
    assert table(**known).pictures_for(SHAPE) == size


def test_what_is_known_of_one_shape_tells_nothing_of_another() -> None:
    assert table(_1=1.0, _2=0.5).pictures_for("another") == 1


def test_a_size_that_ran_out_of_memory_is_not_tried_again() -> None:
    made = table(_1=1.0, _2=0.8)
    made.note_failure(SHAPE, pictures=4)

    assert made.pictures_for(SHAPE) == 2

    made.mode = Batching.FORCE
    assert made.pictures_for(SHAPE) == 2


def test_one_slow_pass_decides_nothing_for_ever() -> None:
    made = table(_1=1.0, _2=5.0)
    assert made.pictures_for(SHAPE) == 1

    for _ in range(200):
        made.note(SHAPE, pictures=1, seconds=1.0)

    assert made.pictures_for(SHAPE) == 2


@pytest.mark.parametrize(("mode", "size"), [(Batching.OFF, 1), (Batching.FORCE, 8)])
def test_the_switch_decides_without_measurements(mode: Batching, size: int) -> None:
    assert BatchTable(mode).pictures_for(SHAPE) == size


def test_shapes_that_nobody_asks_for_are_forgotten() -> None:
    made = table(_1=1.0)
    for number in range(256):
        made.note(str(number), pictures=1, seconds=1.0)

    assert made.pictures_for(SHAPE) == 1
    assert made.pictures_for("255") == 2
