from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from gpu_tasks.engine import InvalidRequest
from gpu_tasks.engine.pictures.canvas import Box
from gpu_tasks.engine.pictures.masks import (
    crop_to_mask,
    harden_mask,
    paste_back,
    prepare_mask,
)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def rectangle(size: tuple[int, int], *corners: int) -> Image.Image:
    """Return a mask that is white in the pixels of a box (left, top, right, bottom)."""
    mask = Image.new("L", size)
    mask.paste(255, corners)  # type: ignore[arg-type]
    return mask


boxes = st.tuples(
    st.integers(0, 59), st.integers(0, 39), st.integers(1, 60), st.integers(1, 40)
).map(lambda edges: (edges[0], edges[1], max(edges[0] + 1, edges[2]), max(edges[1] + 1, edges[3])))


def test_white_of_grey_and_of_colour_is_what_changes() -> None:
    grey = rectangle((8, 8), 2, 2, 6, 6)

    for mode in ("L", "RGB", "1", "P", "RGBA"):
        assert prepare_mask(grey.convert(mode), (8, 8), feather=0).tobytes() == grey.tobytes()


def test_transparent_is_what_changes_if_anything_is_transparent() -> None:
    erased = noise(8, 8)
    erased.putalpha(rectangle((8, 8), 0, 0, 8, 3))

    mask = prepare_mask(erased, (8, 8), feather=0)

    assert mask.tobytes() == rectangle((8, 8), 0, 3, 8, 8).tobytes()


def test_a_mask_is_scaled_to_the_picture_without_new_greys() -> None:
    mask = prepare_mask(rectangle((4, 4), 0, 0, 2, 4), (32, 16), feather=0)

    assert mask.tobytes() == rectangle((32, 16), 0, 0, 16, 16).tobytes()


def test_the_feather_rises_from_the_edge_to_full_strength_inside() -> None:
    mask = prepare_mask(rectangle((200, 9), 100, 0, 200, 9), (200, 9), feather=16)

    row = np.asarray(mask)[4].astype(int)
    assert row[:100].tolist() == [0] * 100
    assert 0 < row[100] < 32
    assert (np.diff(row[100:116]) > 0).all()
    assert row[116:].min() >= 254
    # The edge of the picture has no seam.
    assert row[199] == 255


@pytest.mark.parametrize("corners", [(50, 50, 51, 51), (50, 0, 52, 100), (10, 10, 90, 13)])
def test_a_mask_thinner_than_its_feather_does_not_vanish(
    corners: tuple[int, int, int, int],
) -> None:
    mask = prepare_mask(rectangle((100, 100), *corners), (100, 100), feather=40)

    assert mask.getextrema() == (0, 255)


@settings(deadline=None)
@given(corners=boxes, feather=st.integers(0, 30), seed=st.integers(0, 99))
def test_outside_the_mask_of_the_user_nothing_changes(
    corners: tuple[int, int, int, int], feather: int, seed: int
) -> None:
    users = rectangle((60, 40), *corners)
    ground, result = noise(60, 40, seed), noise(60, 40, seed + 1)

    pasted = paste_back(result, ground, prepare_mask(users, (60, 40), feather=feather))

    outside = np.asarray(users) == 0
    assert (np.asarray(pasted)[outside] == np.asarray(ground)[outside]).all()


def test_without_a_feather_all_inside_is_the_result() -> None:
    mask = rectangle((60, 40), 10, 10, 30, 20)
    ground, result = noise(60, 40, 1), noise(60, 40, 2)

    pasted = np.asarray(paste_back(result, ground, mask))

    assert (pasted[10:20, 10:30] == np.asarray(result)[10:20, 10:30]).all()


def test_a_hard_mask_holds_all_that_a_feathered_one_touches() -> None:
    mask = prepare_mask(rectangle((60, 40), 10, 10, 50, 30), (60, 40), feather=8)

    assert set(harden_mask(mask).get_flattened_data()) == {0, 255}
    assert harden_mask(mask).getbbox() == mask.getbbox()


@settings(deadline=None)
@given(
    corners=boxes,
    padding=st.integers(0, 40),
    shape=st.sampled_from([(64, 64), (128, 64), (64, 192)]),
)
def test_a_crop_holds_the_mask_lies_in_the_picture_and_pastes_back_only_inside(
    corners: tuple[int, int, int, int], padding: int, shape: tuple[int, int]
) -> None:
    ground, mask = noise(60, 40), rectangle((60, 40), *corners)

    crop = crop_to_mask(ground, mask, padding=padding, size=shape, multiple=8)

    box = crop.box
    assert 0 <= box.left <= max(corners[0] - padding, 0)
    assert 0 <= box.top <= max(corners[1] - padding, 0)
    assert min(corners[2] + padding, 60) <= box.right <= 60
    assert min(corners[3] + padding, 40) <= box.bottom <= 40
    assert crop.picture.size == crop.mask.size == crop.size
    assert all(side % 8 == 0 and side >= 64 for side in crop.size)
    pasted = crop.paste_back(Image.new("RGB", crop.size, "red"), ground)
    expected = ground.copy()
    expected.paste("red", corners)
    assert pasted.tobytes() == expected.tobytes()


def test_a_crop_takes_the_shape_and_size_of_the_work() -> None:
    mask = rectangle((1000, 800), 400, 400, 440, 420)

    crop = crop_to_mask(noise(1000, 800), mask, padding=30, size=(512, 512), multiple=8)

    assert crop.box == Box(370, 360, 470, 460)
    assert crop.size == (512, 512)


def test_a_crop_at_the_corner_is_moved_inwards_and_keeps_its_shape() -> None:
    mask = rectangle((1000, 800), 0, 700, 10, 800)

    crop = crop_to_mask(noise(1000, 800), mask, padding=0, size=(512, 256), multiple=8)

    assert crop.box == Box(0, 700, 200, 800)
    assert crop.size == (512, 256)


def test_where_the_picture_is_too_narrow_the_crop_has_its_shape() -> None:
    mask = rectangle((100, 400), 0, 0, 100, 400)

    crop = crop_to_mask(noise(100, 400), mask, padding=0, size=(512, 512), multiple=8)

    assert crop.box == Box(0, 0, 100, 400)
    assert crop.size == (256, 1024)


def test_a_crop_that_is_not_changed_keeps_its_content() -> None:
    ground = Image.new("RGB", (300, 300), "navy")
    ImageDraw.Draw(ground).ellipse((100, 100, 200, 200), fill="gold")
    mask = prepare_mask(rectangle((300, 300), 80, 80, 220, 220), (300, 300), feather=10)

    crop = crop_to_mask(ground, mask, padding=16, size=(512, 512), multiple=8)
    pasted = crop.paste_back(crop.picture, ground)

    difference = np.abs(np.asarray(pasted).astype(int) - np.asarray(ground).astype(int))
    assert difference.mean() < 1.0


def test_a_picture_with_transparency_is_laid_on_white() -> None:
    picture = Image.new("RGBA", (64, 64), (255, 0, 0, 0))

    crop = crop_to_mask(
        picture, rectangle((64, 64), 0, 0, 64, 64), padding=0, size=(64, 64), multiple=8
    )

    assert crop.picture.getextrema() == ((255, 255),) * 3


def test_masks_without_sense_are_refused() -> None:
    picture, mask = noise(64, 64), rectangle((64, 64), 0, 0, 9, 9)
    for call, field in (
        (lambda: prepare_mask(mask, (0, 64), feather=0), "width"),
        (lambda: prepare_mask(mask, (64, 20_000), feather=0), "height"),
        (lambda: prepare_mask(mask, (64, 64), feather=257), "feather"),
        (lambda: prepare_mask(mask, (64, 64), feather=-1), "feather"),
        (lambda: prepare_mask(mask, (64, 64), feather=1.5), "feather"),  # type: ignore[arg-type]
        (lambda: prepare_mask(Image.new("L", (20_000, 1)), (64, 64), feather=0), "mask"),
        (lambda: paste_back(picture, picture, Image.new("L", (63, 64))), "mask"),
        (lambda: crop_to_mask(picture, mask, padding=-1, size=(64, 64), multiple=8), "padding"),
        (lambda: crop_to_mask(picture, mask, padding=0, size=(60, 64), multiple=8), "width"),
    ):
        with pytest.raises(InvalidRequest) as caught:
            call()
        assert set(caught.value.fields) == {field}


def test_an_empty_mask_and_one_of_another_size_are_refused() -> None:
    picture = noise(64, 64)
    for mask, message in (
        (Image.new("L", (64, 64)), "marks nothing to change"),
        (Image.new("L", (32, 64), 255), "must have the size of the picture"),
    ):
        with pytest.raises(InvalidRequest) as caught:
            crop_to_mask(picture, mask, padding=0, size=(64, 64), multiple=8)
        assert dict(caught.value.fields) == {"mask": message}


def test_a_crop_is_not_pasted_on_a_smaller_picture() -> None:
    crop = crop_to_mask(
        noise(64, 64), rectangle((64, 64), 50, 50, 64, 64), padding=0, size=(64, 64), multiple=8
    )
    with pytest.raises(InvalidRequest) as caught:
        crop.paste_back(crop.picture, noise(60, 60))
    assert dict(caught.value.fields) == {"mask": "does not lie within the picture"}
