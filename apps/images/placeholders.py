"""A few colours in the place of a picture until its thumbnail is there.

A placeholder is a grid of 4×4 colours, row by row from the top, three bytes each, in Base64: 64
characters that a list of pictures carries along. BlurHash and ThumbHash say as much in 28, but a
page needs a script to draw them, which a browser runs after the first thumbnails have come.
`placeholder_url` needs none: the page puts it into `src` or into a background, over the whole box
of the picture (`object-fit: fill`), and the browser makes a soft gradient of it by enlarging it.
"""

import base64
import struct

from PIL import Image as PillowImage

SIDE = 4
_ROW_BYTES = 3 * SIDE
# BITMAPFILEHEADER (size of the file, where the colours begin) and BITMAPINFOHEADER (its own size,
# width, height, planes, bits of a pixel, no compression, size of the colours).
_BITMAP_HEAD = struct.pack(
    "<2sIHHIIiiHHIIiiII",
    *(b"BM", 54 + SIDE * _ROW_BYTES, 0, 0, 54),
    *(40, SIDE, SIDE, 1, 24, 0, SIDE * _ROW_BYTES, 0, 0, 0, 0),
)


def placeholder_of(picture: PillowImage.Image) -> str:
    """Return the placeholder of `picture`: each colour is the mean of its sixteenth."""
    grid = picture.convert("RGB").resize((SIDE, SIDE), PillowImage.Resampling.BOX)
    return base64.b64encode(grid.tobytes()).decode("ascii")


def placeholder_url(placeholder: str) -> str:
    """Return a placeholder as a `data:` URL of 158 characters, a bitmap of 4×4 pixels.

    `img-src` of our content security policy has `data:`. It costs some microseconds: it is made
    when a page is rendered, and the shorter form is what is stored.

    Raises:
        ValueError: it is no placeholder.
    """
    colours = base64.b64decode(placeholder, validate=True)
    if len(colours) != SIDE * _ROW_BYTES:
        raise ValueError("not 4×4 colours")
    # A bitmap begins with the lowest row, and a pixel of it with blue.
    rows = [colours[start : start + _ROW_BYTES] for start in range(0, len(colours), _ROW_BYTES)]
    pixels = b"".join(
        row[start : start + 3][::-1] for row in reversed(rows) for start in range(0, _ROW_BYTES, 3)
    )
    return "data:image/bmp;base64," + base64.b64encode(_BITMAP_HEAD + pixels).decode("ascii")
