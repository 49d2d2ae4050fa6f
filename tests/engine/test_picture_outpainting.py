from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gpu_tasks.engine import InvalidRequest
from gpu_tasks.engine.pictures.canvas import Box
from gpu_tasks.engine.pictures.masks import paste_back
from gpu_tasks.engine.pictures.outpainting import FILLS, extend_canvas

rooms = st.integers(0, 70)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@settings(deadline=None)
@given(
    room=st.tuples(rooms, rooms, rooms, rooms).filter(any),
    size=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    feather=st.integers(0, 20),
    fill=st.sampled_from(FILLS),
)
def test_the_picture_stays_whole_in_a_canvas_of_a_fitting_size(
    room: tuple[int, int, int, int], size: tuple[int, int], feather: int, fill: str
) -> None:
    picture = noise(*size)
    left, top, right, bottom = room

    canvas = extend_canvas(
        picture, left=left, top=top, right=right, bottom=bottom, fill=fill, feather=feather
    )

    width, height = canvas.picture.size
    assert width % 8 == height % 8 == 0
    assert left + size[0] + right <= width < left + size[0] + right + 8
    assert top + size[1] + bottom <= height < top + size[1] + bottom + 8
    assert canvas.mask.size == canvas.picture.size
    assert canvas.box.size == size
    assert canvas.box.left >= left
    assert canvas.box.top >= top
    assert canvas.picture.crop(canvas.box.corners).tobytes() == picture.tobytes()
    mask = np.array(canvas.mask)
    mask[canvas.box.top : canvas.box.bottom, canvas.box.left : canvas.box.right] = 255
    assert (mask == 255).all()


def test_the_seam_lies_inside_the_picture_and_only_on_extended_sides() -> None:
    canvas = extend_canvas(noise(64, 64), right=64, feather=7)

    mask = np.asarray(canvas.mask)
    assert (mask == mask[0]).all()
    assert mask[0, :57].tolist() == [0] * 57
    # 1/8 to 7/8 of 255 over the seven outermost pixels.
    assert mask[0, 57:64].tolist() == [32, 64, 96, 128, 159, 191, 223]
    assert mask[0, 64:].tolist() == [255] * 64


def test_what_a_model_makes_leaves_the_inside_of_the_picture_as_it_was() -> None:
    picture = noise(64, 48)
    canvas = extend_canvas(picture, left=16, top=16, right=16, bottom=16, feather=8)

    pasted = paste_back(Image.new("RGB", canvas.picture.size, "red"), canvas.picture, canvas.mask)

    assert pasted.crop((24, 24, 72, 56)).tobytes() == picture.crop((8, 8, 56, 40)).tobytes()
    assert pasted.getpixel((0, 0)) == (255, 0, 0)


def test_edge_and_mirror_go_on_with_the_picture() -> None:
    picture = noise(8, 8)
    pixels = np.asarray(picture)

    edge = np.asarray(extend_canvas(picture, right=8, fill="edge").picture)
    mirror = np.asarray(extend_canvas(picture, right=8, fill="mirror").picture)

    assert (edge[:, 8:] == pixels[:, 7:8]).all()
    assert (mirror[:, 8:15] == pixels[:, 6::-1]).all()


def test_noise_follows_from_the_seed_and_the_colours_of_the_picture() -> None:
    picture = Image.new("RGB", (64, 64), (200, 100, 0))
    speckled = noise(64, 64, 3)

    first = extend_canvas(speckled, bottom=64, fill="noise", seed=5).picture
    again = extend_canvas(speckled, bottom=64, fill="noise", seed=5).picture
    other = extend_canvas(speckled, bottom=64, fill="noise", seed=6).picture
    plain = extend_canvas(picture, bottom=64, fill="noise", seed=5).picture

    assert first.tobytes() == again.tobytes() != other.tobytes()
    assert plain.getextrema() == ((200, 200), (100, 100), (0, 0))


def test_what_is_missing_to_the_multiple_goes_where_there_is_room() -> None:
    assert extend_canvas(noise(60, 60), left=10, top=1, size_multiple=16).box == Box(20, 4, 80, 64)
    assert extend_canvas(noise(60, 60), size_multiple=64).box == Box(0, 0, 60, 60)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({}, "left"),
        ({"left": -1}, "left"),
        ({"top": 1.5}, "top"),
        ({"right": 10**9}, "right"),
        ({"bottom": 16_384}, "height"),
        ({"right": 9000, "bottom": 9000}, "width"),
        ({"left": 8, "fill": "grey"}, "fill"),
        ({"left": 8, "feather": 1000}, "feather"),
        ({"left": 8, "seed": -1}, "seed"),
        ({"left": 8, "size_multiple": 0}, "size_multiple"),
    ],
)
def test_extensions_without_sense_are_refused(arguments: dict[str, int], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        extend_canvas(noise(64, 64), **arguments)  # type: ignore[arg-type]

    assert field in caught.value.fields
