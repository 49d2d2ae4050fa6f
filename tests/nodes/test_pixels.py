"""What nodes do with pixels, to the pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from gpu_tasks.nodes.registry import NODES
from tests.nodes.graphs import Workplace

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
BLACK, WHITE, GREY = (0, 0, 0), (255, 255, 255), (128, 128, 128)


def picture(*rows: list[tuple[int, int, int]]) -> Image.Image:
    return Image.fromarray(np.array(rows, dtype=np.uint8))


def mask(*rows: list[int]) -> Image.Image:
    return Image.fromarray(np.array(rows, dtype=np.uint8))


def rows_of(image: Image.Image) -> list[list[Any]]:
    rows: list[list[Any]] = np.asarray(image).tolist()
    return [[tuple(one) if isinstance(one, list) else one for one in row] for row in rows]


def made(kind: str, **inputs: Any) -> tuple[Image.Image, ...]:
    """Return what a node makes; single pictures are batches of one, and inputs stay as they are."""
    node = NODES[kind]
    values: dict[str, Any] = {
        one.name: None if one.required else one.default for one in node.inputs
    }
    for name, value in inputs.items():
        declared = node.input(name)
        assert declared is not None
        if isinstance(value, Image.Image):
            values[name] = (value,)
        else:
            values[name] = value if declared.takes == "link" else declared.read(value)
    before = {
        name: [one.tobytes() for one in value]
        for name, value in values.items()
        if isinstance(value, tuple)
    }
    (pictures,) = node.run(values, Workplace()).values()
    assert before == {name: [one.tobytes() for one in values[name]] for name in before}
    assert isinstance(pictures, tuple)
    return pictures


def rows(kind: str, **inputs: Any) -> list[list[Any]]:
    (only,) = made(kind, **inputs)
    return rows_of(only)


TWO = picture([RED, GREEN], [BLUE, WHITE])
STRIP = picture([RED, GREEN, BLUE])


@pytest.mark.parametrize(
    ("kind", "inputs", "expected"),
    [
        ("flip", {"direction": "horizontal"}, [[GREEN, RED], [WHITE, BLUE]]),
        ("flip", {"direction": "vertical"}, [[BLUE, WHITE], [RED, GREEN]]),
        ("flip", {"direction": "both"}, [[WHITE, BLUE], [GREEN, RED]]),
        ("rotate", {"angle": 90}, [[BLUE, RED], [WHITE, GREEN]]),
        ("rotate", {"angle": 180}, [[WHITE, BLUE], [GREEN, RED]]),
        ("rotate", {"angle": -90}, [[GREEN, WHITE], [RED, BLUE]]),
        ("rotate", {"angle": 360}, [[RED, GREEN], [BLUE, WHITE]]),
        ("crop", {"x": 1, "y": 0, "width": 1, "height": 2}, [[GREEN], [WHITE]]),
        (
            "pad",
            {"left": 1, "bottom": 1, "colour": "#000000"},
            [[BLACK, RED, GREEN], [BLACK, BLUE, WHITE], [BLACK, BLACK, BLACK]],
        ),
        (
            "resize",
            {"width": 4, "height": 2, "fit": "stretch", "method": "nearest"},
            [[RED, RED, GREEN, GREEN], [BLUE, BLUE, WHITE, WHITE]],
        ),
        (
            "resize",
            {"width": 4, "height": 2, "fit": "pad", "method": "nearest", "colour": "#000000"},
            [[BLACK, RED, GREEN, BLACK], [BLACK, BLUE, WHITE, BLACK]],
        ),
        ("resize", {"width": 2, "height": 2}, [[RED, GREEN], [BLUE, WHITE]]),
        (
            "resize",
            {"width": 1, "height": 1, "fit": "stretch", "method": "box"},
            [[(128, 128, 128)]],
        ),
        ("grey", {}, [[(76,) * 3, (150,) * 3], [(29,) * 3, WHITE]]),
        ("invert", {}, [[(0, 255, 255), (255, 0, 255)], [(255, 255, 0), BLACK]]),
        ("adjust", {}, [[RED, GREEN], [BLUE, WHITE]]),
        (
            "adjust",
            {"brightness": 0.5},
            [[(128, 0, 0), (0, 128, 0)], [(0, 0, 128), GREY]],
        ),
        (
            "adjust",
            {"contrast": 0},
            [[GREY, GREY], [GREY, GREY]],
        ),
        (
            "adjust",
            {"contrast": 0.2},
            [[(153, 102, 102), (102, 153, 102)], [(102, 102, 153), (153,) * 3]],
        ),
        ("adjust", {"saturation": 0}, [[(76,) * 3, (150,) * 3], [(29,) * 3, WHITE]]),
        ("adjust", {"brightness": 3}, [[RED, GREEN], [BLUE, WHITE]]),
        ("blur", {"radius": 0}, [[RED, GREEN], [BLUE, WHITE]]),
        ("sharpen", {"amount": 0}, [[RED, GREEN], [BLUE, WHITE]]),
    ],
)
def test_a_picture_becomes_another(kind: str, inputs: dict[str, Any], expected: Any) -> None:
    assert rows(kind, picture=TWO, **inputs) == expected


def test_what_does_not_fit_is_cut_off_on_both_sides() -> None:
    assert rows("resize", picture=STRIP, width=1, height=1, method="nearest") == [[GREEN]]


def test_a_turn_without_room_for_the_corners_keeps_the_size() -> None:
    assert rows("rotate", picture=STRIP, angle=90, expand=False, colour="#000000") == [
        [BLACK, GREEN, BLACK]
    ]


def test_a_turn_by_45_degrees_keeps_the_middle_and_bares_the_corners() -> None:
    (turned,) = made("rotate", picture=Image.new("RGB", (20, 20), RED), angle=45)

    assert turned.size == (29, 29)
    assert turned.getpixel((14, 14)) == RED
    assert [turned.getpixel(corner) for corner in ((0, 0), (28, 0), (0, 28), (28, 28))] == [
        WHITE
    ] * 4


def test_a_turn_is_clockwise() -> None:
    ground = Image.new("RGB", (41, 41), BLACK)
    ground.putpixel((20, 5), WHITE)  # at 12 o'clock

    (turned,) = made("rotate", picture=ground, angle=30, expand=False, colour="#000000")

    brightest = int(np.asarray(turned.convert("L")).argmax())
    # sin 30° and cos 30° of 15 pixels, to the right and up.
    assert divmod(brightest, 41) == (20 - 13, 20 + 8) or divmod(brightest, 41) == (20 - 13, 20 + 7)


def test_a_blur_spreads_by_its_deviation_and_loses_no_light() -> None:
    levels = np.zeros((41, 41, 3), dtype=np.uint8)
    levels[20, :, :] = 255

    (blurred,) = made("blur", picture=Image.fromarray(levels), radius=2)

    profile = np.asarray(blurred)[:, 20, 0].astype(float)
    assert profile[20] == pytest.approx(255 / (2 * np.sqrt(2 * np.pi)), abs=1)
    assert profile[22] == pytest.approx(profile[20] * np.exp(-0.5), abs=1)
    assert profile.sum() == pytest.approx(255, abs=4)


def test_sharpening_steepens_an_edge_and_leaves_flat_ground() -> None:
    levels = np.full((9, 20, 3), 100, dtype=np.uint8)
    levels[:, 10:] = 150

    (sharp,) = made("sharpen", picture=Image.fromarray(levels), radius=1, amount=1)

    line = np.asarray(sharp)[4, :, 0].astype(int)
    assert (line[0], line[19]) == (100, 150)
    assert line[9] < 95
    assert line[10] > 155


@pytest.mark.parametrize(
    ("mode", "amount", "expected"),
    [
        ("normal", 1, (200, 100, 0)),
        ("normal", 0, (100, 100, 255)),
        ("normal", 0.25, (125, 100, 191)),
        ("multiply", 1, (78, 39, 0)),
        ("screen", 1, (222, 161, 255)),
        ("overlay", 1, (157, 78, 255)),
        ("add", 1, (255, 200, 255)),
        ("difference", 1, (100, 0, 255)),
        ("darken", 1, (100, 100, 0)),
        ("lighten", 1, (200, 100, 255)),
        ("lighten", 0.5, (150, 100, 255)),
    ],
)
def test_two_pictures_are_mixed(mode: str, amount: float, expected: tuple[int, int, int]) -> None:
    first, second = picture([(100, 100, 255)]), picture([(200, 100, 0)])

    assert rows("blend", first=first, second=second, mode=mode, amount=amount) == [[expected]]


@pytest.mark.parametrize("height", [255, 256, 257, 600])
def test_a_tall_picture_is_changed_to_its_last_row(height: int) -> None:
    levels = np.random.default_rng(height).integers(0, 256, (height, 3, 3), dtype=np.uint8)
    first, second = Image.fromarray(levels), Image.fromarray(255 - levels)

    (mixed,) = made("blend", first=first, second=second, mode="normal", amount=1)
    (darker,) = made("adjust", picture=first, brightness=0)
    (chosen,) = made("mask_from_colour", picture=first, colour="#000000", tolerance=127)

    assert np.array_equal(np.asarray(mixed), 255 - levels)
    assert np.array_equal(np.asarray(darker), np.zeros_like(levels))
    assert np.array_equal(np.asarray(chosen) == 255, (levels <= 127).all(axis=2))


def test_one_picture_goes_with_each_of_a_batch() -> None:
    batch = (picture([BLACK]), picture([WHITE]))

    mixed = made("blend", first=batch, second=picture([RED]), mode="lighten", amount=1)
    turned_round = made("blend", first=picture([RED]), second=batch, mode="lighten", amount=1)

    assert [rows_of(one) for one in mixed] == [[[RED]], [[WHITE]]]
    assert [rows_of(one) for one in turned_round] == [[[RED]], [[WHITE]]]


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({"x": 1, "y": 1}, [[RED, RED], [RED, BLUE]]),
        ({"x": 0, "y": 0}, [[BLUE, GREEN], [RED, RED]]),
        ({"x": -1, "y": 0}, [[GREEN, RED], [RED, RED]]),
        ({"x": 9, "y": 9}, [[RED, RED], [RED, RED]]),
        ({"mask": mask([255, 0])}, [[BLUE, RED], [RED, RED]]),
        ({"mask": mask([128, 0])}, [[(127, 0, 128), RED], [RED, RED]]),
        ({"x": 1, "mask": mask([255, 255])}, [[RED, BLUE], [RED, RED]]),
    ],
)
def test_a_picture_is_pasted(inputs: dict[str, Any], expected: Any) -> None:
    ground, layer = picture([RED, RED], [RED, RED]), picture([BLUE, GREEN])

    assert rows("paste", ground=ground, picture=layer, **inputs) == expected


def test_masks_of_a_batch_are_pasted_each_by_itself() -> None:
    masks = (mask([255, 0]), mask([0, 255]))

    pasted = made("paste", ground=picture([RED, RED]), picture=picture([BLUE, GREEN]), mask=masks)

    assert [rows_of(one) for one in pasted] == [[[BLUE, RED]], [[RED, GREEN]]]


def test_a_fill_is_of_one_colour() -> None:
    assert rows("colour_fill", width=2, height=1, colour="#0A0b0C") == [[(10, 11, 12)] * 2]


GREYS = picture([(0,) * 3, (100,) * 3, (150,) * 3, (255,) * 3])


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 255, [0, 100, 150, 255]),
        (100, 200, [0, 0, 128, 255]),
        (150, 150, [0, 0, 255, 255]),
        (0, 0, [255] * 4),
        (255, 255, [0, 0, 0, 255]),
    ],
)
def test_a_mask_of_what_is_bright(low: int, high: int, expected: list[int]) -> None:
    assert rows("mask_from_brightness", picture=GREYS, low=low, high=high) == [expected]


@pytest.mark.parametrize(
    ("colour", "tolerance", "expected"),
    [
        ("#ff0000", 0, [255, 0, 0]),
        ("#f00000", 14, [0, 0, 0]),
        ("#f00000", 15, [255, 0, 0]),
        ("#808080", 128, [255, 255, 255]),
    ],
)
def test_a_mask_of_one_colour(colour: str, tolerance: int, expected: list[int]) -> None:
    assert rows("mask_from_colour", picture=STRIP, colour=colour, tolerance=tolerance) == [expected]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("rectangle", [[0, 0, 0, 0], [0, 255, 255, 0], [0, 255, 255, 0], [0, 0, 0, 0]]),
        ("gradient_right", [[0, 0, 0, 0], [0, 64, 191, 0], [0, 64, 191, 0], [0, 0, 0, 0]]),
        ("gradient_down", [[0, 0, 0, 0], [0, 64, 64, 0], [0, 191, 191, 0], [0, 0, 0, 0]]),
    ],
)
def test_a_shape_is_drawn(shape: str, expected: list[list[int]]) -> None:
    assert rows("mask_shape", width=4, height=4, shape=shape) == expected


def test_an_ellipse_is_drawn_to_the_edges_of_its_box() -> None:
    edges = {"left": 0, "top": 0, "right": 1, "bottom": 1}

    assert rows("mask_shape", width=4, height=4, shape="ellipse", **edges) == [
        [0, 255, 255, 0],
        [255] * 4,
        [255] * 4,
        [0, 255, 255, 0],
    ]


DOT = mask(*[[255 if (x, y) == (2, 2) else 0 for x in range(5)] for y in range(5)])


def test_a_mask_grows_and_shrinks_by_whole_pixels() -> None:
    (grown,) = made("grow_mask", mask=DOT, amount=1)

    assert rows_of(grown) == [
        [255 if 1 <= x <= 3 and 1 <= y <= 3 else 0 for x in range(5)] for y in range(5)
    ]
    assert rows("grow_mask", mask=grown, amount=-1) == rows_of(DOT)
    assert rows("grow_mask", mask=DOT, amount=0) == rows_of(DOT)
    assert rows("grow_mask", mask=DOT, amount=-1) == [[0] * 5] * 5
    # What lies outside repeats the edge: a full mask does not shrink from there.
    assert rows("grow_mask", mask=mask([255] * 3), amount=-1) == [[255] * 3]


def test_a_feather_softens_the_edge_alone() -> None:
    half = mask(*[[0] * 20 + [255] * 20] * 8)

    ((*line,), *_rest) = rows("feather_mask", mask=half, radius=2)

    assert line[:10] == [0] * 10
    assert line[30:] == [255] * 10
    assert line == sorted(line)
    assert line[19] + line[20] == 255
    assert rows("feather_mask", mask=half, radius=0) == rows_of(half)


def test_a_mask_is_inverted_and_shown() -> None:
    assert rows("invert_mask", mask=mask([0, 100, 255])) == [[255, 155, 0]]
    assert rows("mask_to_picture", mask=mask([0, 100])) == [[BLACK, (100, 100, 100)]]


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("union", [0, 255, 255, 255, 200]),
        ("intersection", [0, 0, 0, 255, 100]),
        ("difference", [0, 255, 0, 0, 100]),
        ("exclusion", [0, 255, 255, 0, 100]),
    ],
)
def test_two_masks_become_one(operation: str, expected: list[int]) -> None:
    first, second = mask([0, 255, 0, 255, 200]), mask([0, 0, 255, 255, 100])

    combined = rows("combine_masks", first=first, second=second, operation=operation)

    assert combined == [expected]


def test_batches_are_put_together_and_taken_apart() -> None:
    one, two, three = (picture([colour]) for colour in (RED, GREEN, BLUE))

    assert made("combine_batches", first=one, second=(two, three)) == (one, two, three)
    assert made("combine_batches", first=one, second=two, third=one, fourth=two) == (
        one,
        two,
        one,
        two,
    )
    assert made("pick_from_batch", picture=(one, two, three), first=2, count=2) == (two, three)
    assert made("repeat_batch", picture=(one, two), times=2) == (one, two, one, two)


def test_a_contact_sheet_has_gaps_around_each_picture() -> None:
    batch = tuple(picture([colour]) for colour in (RED, GREEN, BLUE))

    sheet = rows("contact_sheet", picture=batch, columns=2, gap=1, colour="#000000")

    assert sheet == [
        [BLACK] * 5,
        [BLACK, RED, BLACK, GREEN, BLACK],
        [BLACK] * 5,
        [BLACK, BLUE, BLACK, BLACK, BLACK],
        [BLACK] * 5,
    ]
    assert rows("contact_sheet", picture=batch, columns=3, gap=0) == [[RED, GREEN, BLUE]]
