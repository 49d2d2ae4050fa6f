from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gpu_tasks.engine import InvalidRequest
from gpu_tasks.engine.pictures.canvas import Box
from gpu_tasks.engine.pictures.tiles import blend_tiles, plan_tiles

sides = st.integers(1, 40)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@given(
    columns=sides,
    rows=sides,
    tile=st.integers(1, 12),
    overlap=st.integers(0, 11),
    multiple=st.sampled_from([1, 2, 8]),
)
def test_tiles_cover_every_pixel_and_overlap_as_much_as_asked(
    columns: int, rows: int, tile: int, overlap: int, multiple: int
) -> None:
    overlap = min(overlap, tile - 1)
    width, height = columns * multiple, rows * multiple
    boxes = plan_tiles(
        width, height, tile=tile * multiple, overlap=overlap * multiple, multiple=multiple
    )

    covered = np.zeros((height, width), dtype=bool)
    for box in boxes:
        covered[box.top : box.bottom, box.left : box.right] = True
        assert box.size == (min(tile * multiple, width), min(tile * multiple, height))
        assert all(edge % multiple == 0 for edge in box.corners)
        assert min(box.corners) >= 0
        assert box.right <= width
        assert box.bottom <= height
    assert covered.all()
    lefts = sorted({box.left for box in boxes})
    assert all(
        left + boxes[0].width - following >= overlap * multiple
        for left, following in pairwise(lefts)
    )


@settings(deadline=None)
@given(
    width=st.integers(1, 60),
    height=st.integers(1, 60),
    tile=st.integers(2, 20),
    overlap=st.integers(0, 19),
    seed=st.integers(0, 9),
)
def test_blending_the_tiles_of_a_picture_gives_the_picture(
    width: int, height: int, tile: int, overlap: int, seed: int
) -> None:
    picture = noise(width, height, seed)
    boxes = plan_tiles(width, height, tile=tile, overlap=min(overlap, tile - 1))

    blended = blend_tiles((picture.crop(box.corners) for box in boxes), boxes, picture.size)

    assert blended.tobytes() == picture.tobytes()


@pytest.mark.parametrize("value", [0, 1, 127, 128, 254, 255])
def test_tiles_of_one_colour_stay_that_colour_everywhere(value: int) -> None:
    boxes = [box.scaled(3) for box in plan_tiles(37, 29, tile=16, overlap=9)]
    tiles = [Image.new("RGB", box.size, (value, value, value)) for box in boxes]

    blended = blend_tiles(tiles, boxes, (111, 87))

    assert blended.getextrema() == ((value, value),) * 3


def test_a_new_tile_gains_weight_linearly_over_the_overlap() -> None:
    boxes = plan_tiles(12, 4, tile=8, overlap=4)
    tiles = [Image.new("RGB", (8, 4), "black"), Image.new("RGB", (8, 4), "white")]

    blended = blend_tiles(tiles, boxes, (12, 4))

    row = np.asarray(blended)[0, :, 0].tolist()
    assert boxes == [Box(0, 0, 8, 4), Box(4, 0, 12, 4)]
    # 1/8, 3/8, 5/8 and 7/8 of 255.
    assert row == [0, 0, 0, 0, 32, 96, 159, 223, 255, 255, 255, 255]


def test_rows_are_blended_as_columns_are() -> None:
    across = plan_tiles(12, 8, tile=8, overlap=4)
    down = plan_tiles(8, 12, tile=8, overlap=4)
    tiles = [noise(8, 8, 1), noise(8, 8, 2)]

    blended = blend_tiles(tiles, across, (12, 8))
    turned = blend_tiles(
        [tile.transpose(Image.Transpose.TRANSPOSE) for tile in tiles], down, (8, 12)
    )

    assert turned.transpose(Image.Transpose.TRANSPOSE).tobytes() == blended.tobytes()


def test_tiles_are_taken_one_after_another() -> None:
    boxes = plan_tiles(30, 30, tile=10, overlap=2)
    taken: list[int] = []

    def make() -> object:
        for index, box in enumerate(boxes):
            taken.append(index)
            yield Image.new("L", box.size, index)
            assert taken == list(range(index + 1))

    blend_tiles(make(), boxes, (30, 30))  # type: ignore[arg-type]

    assert len(taken) == len(boxes) == 16


@pytest.mark.parametrize(
    ("arguments", "field", "message"),
    [
        ({"width": 0}, "width", "must be between 1 and 16384"),
        ({"height": 20_000}, "height", "must be between 1 and 16384"),
        ({"width": 16384, "height": 16384}, "width", "must be smaller"),
        ({"width": 63}, "width", "must be a multiple of 8"),
        ({"tile": 0}, "tile", "must be between 1 and 16384"),
        ({"tile": 20}, "tile", "must be a multiple of 8"),
        ({"tile": 16.0}, "tile", "must be a whole number"),
        ({"overlap": 32}, "overlap", "must be between 0 and 31"),
        ({"overlap": -8}, "overlap", "must be between 0 and 31"),
        ({"overlap": 9}, "overlap", "must be a multiple of 8"),
        ({"width": 8000, "height": 8000, "tile": 8, "overlap": 0}, "tile", "must be larger"),
    ],
)
def test_a_plan_without_sense_is_refused(
    arguments: dict[str, int], field: str, message: str
) -> None:
    plain = {"width": 64, "height": 64, "tile": 32, "overlap": 8, "multiple": 8}
    with pytest.raises(InvalidRequest) as caught:
        plan_tiles(**(plain | arguments))

    assert message in caught.value.fields[field]


@pytest.mark.parametrize(
    ("boxes", "sizes"),
    [
        ([Box(0, 0, 8, 8)], [(8, 8)]),
        ([Box(0, 0, 8, 16)], [(8, 16)]),
        ([Box(0, 0, 4, 16), Box(8, 0, 16, 16)], [(4, 16), (8, 16)]),
        ([Box(0, 0, 16, 4), Box(0, 8, 16, 16)], [(16, 4), (16, 8)]),
        ([Box(0, 0, 16, 16)], [(8, 16)]),
        ([Box(0, 0, 16, 16)], []),
    ],
    ids=["short and narrow", "narrow", "gap across", "gap down", "other size", "no tile"],
)
def test_tiles_that_do_not_make_the_picture_are_refused(
    boxes: list[Box], sizes: list[tuple[int, int]]
) -> None:
    tiles = [Image.new("RGB", size) for size in sizes]
    with pytest.raises(ValueError, match=r"the (boxes|tiles) "):
        blend_tiles(tiles, boxes, (16, 16))
