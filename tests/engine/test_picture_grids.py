from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFont

from gpu_tasks.engine import InvalidRequest
from gpu_tasks.engine.pictures import grids
from gpu_tasks.engine.pictures.grids import draw_grid


def paint(*colours: str) -> list[Image.Image]:
    return [Image.new("RGB", (64, 64), colour) for colour in colours]


def ink(sheet: Image.Image, box: tuple[int, int, int, int]) -> int:
    """Count what is not white in a part of a sheet."""
    return int((np.asarray(sheet.crop(box).convert("L")) < 128).sum())


def test_pictures_lie_row_by_row() -> None:
    sheet = draw_grid(paint("red", "lime", "blue", "black"), columns=2, cell=(64, 64))

    assert sheet.size == (8 + 2 * 72, 8 + 2 * 72)
    middles = [sheet.getpixel(place) for place in ((40, 40), (112, 40), (40, 112), (112, 112))]
    assert middles == [(255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0)]
    assert sheet.getpixel((2, 2)) == sheet.getpixel((76, 40)) == (255, 255, 255)


def test_a_picture_keeps_its_shape_in_its_cell_and_its_pixels_at_its_size() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 64, 3), dtype=np.uint8)

    sheet = draw_grid([Image.fromarray(pixels)], columns=1, cell=(64, 64))

    assert (np.asarray(sheet)[8 + 16 : 8 + 48, 8:72] == pixels).all()
    assert sheet.getpixel((40, 12)) == (255, 255, 255)


def test_a_picture_that_could_not_be_made_is_an_empty_cell() -> None:
    sheet = draw_grid([None, *paint("red")], columns=2, cell=(64, 64))

    assert sheet.getpixel((40, 40)) == (220, 220, 220)
    assert sheet.getpixel((112, 40)) == (255, 0, 0)


def test_labels_stand_above_their_columns_and_beside_their_rows() -> None:
    sheet = draw_grid(
        paint("white", "white", "white", "white"),
        columns=2,
        column_labels=["7.5", ""],
        row_labels=["", "붉은 여우"],
        cell=(96, 96),
    )

    left, top = sheet.width - 2 * 104, sheet.height - 2 * 104
    assert ink(sheet, (left, 0, left + 96, top)) > 0
    assert ink(sheet, (left + 104, 0, left + 200, top)) == 0
    assert ink(sheet, (0, top, left, top + 96)) == 0
    assert ink(sheet, (0, top + 104, left, top + 200)) > 0


def test_a_long_label_stays_in_its_column() -> None:
    sheet = draw_grid(
        paint("white", "white"), columns=2, column_labels=["m" * 10_000, ""], cell=(64, 64)
    )

    assert ink(sheet, (8, 0, 72, sheet.height)) > 0
    assert ink(sheet, (76, 0, sheet.width, sheet.height)) == 0


@pytest.mark.parametrize("label", ["a\nb\tc", "\x00\x1b[31m", "\ud83c", "🦊", "한국어", "ع", ""])
@pytest.mark.parametrize("font", ["found", "default", "bitmap"])
def test_no_label_and_no_lack_of_fonts_makes_it_fail(
    monkeypatch: pytest.MonkeyPatch, label: str, font: str
) -> None:
    if font != "found":
        monkeypatch.setattr(grids, "_KOREAN_FONTS", ("no-such-font.ttf",))
    if font == "bitmap":
        # As Pillow answers where it was built without FreeType.
        monkeypatch.setattr(ImageFont, "truetype", _refuse)

    sheet = draw_grid(paint("red"), columns=1, column_labels=[label * 30], cell=(64, 64))

    assert sheet.size == (80, 100)


def _refuse(*_arguments: object, **_options: object) -> None:
    raise ImportError("The _imagingft C module is not installed")


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"pictures": []}, "pictures"),
        ({"pictures": [None] * 1025}, "pictures"),
        ({"columns": 0}, "columns"),
        ({"columns": 2.0}, "columns"),
        ({"column_labels": ["one"]}, "column_labels"),
        ({"row_labels": ["one", "two"]}, "row_labels"),
        ({"cell": (8, 64)}, "cell"),
        ({"cell": (64, 10_000)}, "cell"),
        ({"pictures": [None] * 1000, "columns": 30, "cell": (4096, 4096)}, "cell"),
    ],
)
def test_grids_without_sense_are_refused(arguments: dict[str, object], field: str) -> None:
    plain: dict[str, object] = {"pictures": paint("red", "red"), "columns": 2, "cell": (64, 64)}
    with pytest.raises(InvalidRequest) as caught:
        draw_grid(**(plain | arguments))  # type: ignore[arg-type]

    assert set(caught.value.fields) == {field}
