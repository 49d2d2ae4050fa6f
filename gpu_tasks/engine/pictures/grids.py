"""Lay pictures out in a labelled grid, as for comparing values of two parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw, ImageFont, ImageOps

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.pictures.canvas import check_number, check_size, flatten

MAX_GRID_PICTURES: Final = 1024
MAX_CELL: Final = 4096
# Fonts with Korean letters, on Debian, macOS and Windows; Pillow looks for them where fonts are.
_KOREAN_FONTS: Final = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansKR-Regular.otf",
    "NanumGothic.ttf",
    "AppleSDGothicNeo.ttc",
    "malgun.ttf",
)
_MAX_LABEL_CHARACTERS: Final = 200
_GAP: Final = 8
_PAPER: Final = "white"
_INK: Final = "black"
_NOTHING: Final = "gainsboro"

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def draw_grid(
    pictures: Sequence[Image.Image | None],
    *,
    columns: int,
    column_labels: Sequence[str] = (),
    row_labels: Sequence[str] = (),
    cell: tuple[int, int],
) -> Image.Image:
    """Return the pictures in a grid (RGB), row by row, with labels above it and on its left.

    Each picture is scaled into a cell (width, height in pixels) with its own shape; one that is
    None, because it could not be made, is an empty cell. Labels are cut off where they do not fit.

    Raises:
        InvalidRequest: naming pictures, columns, column_labels, row_labels or cell.
    """
    check_number("pictures", len(pictures), least=1, most=MAX_GRID_PICTURES, whole=True)
    check_number("columns", columns, least=1, most=MAX_GRID_PICTURES, whole=True)
    for side in cell:
        check_number("cell", side, least=16, most=MAX_CELL, whole=True)
    rows = -(-len(pictures) // columns)
    for field, labels, count in (
        ("column_labels", column_labels, columns),
        ("row_labels", row_labels, rows),
    ):
        if labels and len(labels) != count:
            raise InvalidRequest({field: f"must be {count}, one for each"})
    font_size = min(max(min(cell) // 12, 10), 40)
    left = max(cell[0] // 2, 48) + _GAP if row_labels else _GAP
    top = font_size * 2 + _GAP if column_labels else _GAP
    size = (left + columns * (cell[0] + _GAP), top + rows * (cell[1] + _GAP))
    _check_sheet(size)
    sheet = Image.new("RGB", size, _PAPER)
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        corner = (left + column * (cell[0] + _GAP), top + row * (cell[1] + _GAP))
        sheet.paste(_fill_cell(picture, cell), corner)
    pen, font = ImageDraw.Draw(sheet), _find_font(font_size)
    for column, label in enumerate(column_labels):
        middle = (left + column * (cell[0] + _GAP) + cell[0] // 2, top // 2)
        _write(pen, font, label, middle, cell[0])
    for row, label in enumerate(row_labels):
        middle = (left // 2, top + row * (cell[1] + _GAP) + cell[1] // 2)
        _write(pen, font, label, middle, left - 2 * _GAP)
    return sheet


def _check_sheet(size: tuple[int, int]) -> None:
    try:
        check_size(size)
    except InvalidRequest as error:
        raise InvalidRequest({"cell": "must be smaller, or the grid is too large"}) from error


def _fill_cell(picture: Image.Image | None, cell: tuple[int, int]) -> Image.Image:
    if picture is None:
        return Image.new("RGB", cell, _NOTHING)
    return ImageOps.pad(flatten(picture), cell, Image.Resampling.LANCZOS, color=_PAPER)


def _find_font(size: int) -> _Font:
    for name in _KOREAN_FONTS:
        try:
            return ImageFont.truetype(name, size)
        except (OSError, ImportError):
            # Not there, or this Pillow has no FreeType.
            continue
    try:
        return ImageFont.load_default(size)
    except ImportError:
        return ImageFont.load_default_imagefont()


def _write(
    pen: ImageDraw.ImageDraw, font: _Font, label: str, middle: tuple[int, int], room: int
) -> None:
    text = _make_printable(label, font)
    dots = "…" if isinstance(font, ImageFont.FreeTypeFont) else "..."
    if font.getlength(text) > room:
        while text and font.getlength(f"{text}{dots}") > room:
            text = text[:-1]
        text = f"{text}{dots}"
    box = font.getbbox(text)
    place = (middle[0] - (box[0] + box[2]) / 2, middle[1] - (box[1] + box[3]) / 2)
    pen.text(place, text, fill=_INK, font=font)


def _make_printable(label: str, font: _Font) -> str:
    """Return a label in one line, of characters that can be drawn."""
    line = " ".join(label[:_MAX_LABEL_CHARACTERS].split())
    text = "".join(character if character.isprintable() else "?" for character in line)
    if isinstance(font, ImageFont.ImageFont):
        # Pillow's own bitmap font knows Latin-1 alone, and raises on anything else.
        return text.encode("latin-1", "replace").decode("latin-1")
    return text
