"""Several pictures on one."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from gpu_tasks.nodes.pixels.levels import rgb


def contact_sheet(
    pictures: Sequence[Image.Image], *, columns: int, gap: int, colour: str
) -> Image.Image:
    """Lay pictures of one size out row by row, with `gap` pixels around each."""
    width, height = pictures[0].size
    rows = -(-len(pictures) // columns)
    size = (columns * (width + gap) + gap, rows * (height + gap) + gap)
    sheet = Image.new("RGB", size, rgb(colour))
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        sheet.paste(picture, (gap + column * (width + gap), gap + row * (height + gap)))
    return sheet
