"""A few colours in the place of a picture until its thumbnail is there.

A placeholder is a grid of 4×4 colours, 64 characters of Base64. BlurHash and ThumbHash say as much
in 28, but a page needs a script to draw them, which a browser runs after the first thumbnails have
come. `placeholder_url` needs none, and costs nothing, in a template or in a script: the colours are
in the order of a bitmap, lowest row first and blue first in each, so that the head of one in front
of them makes a picture. The page puts it into `src` or into a background, over the whole box of the
picture (`object-fit: fill`), and the browser makes a soft gradient of it by enlarging it. Our
content security policy has `data:` among its `img-src`.
"""

import base64
import struct

from PIL import Image as PillowImage

SIDE = 4
_COLOUR_BYTES = 3 * SIDE * SIDE
# BITMAPFILEHEADER (size of the file, where the colours begin) and BITMAPINFOHEADER (its own size,
# width, height, planes, bits of a pixel, no compression, size of the colours). A row of a bitmap
# takes a multiple of four bytes, which these do; and 54 is one of three, so that the Base64 of the
# whole is that of both parts.
_HEAD = struct.pack(
    "<2sIHHIIiiHHIIiiII",
    *(b"BM", 54 + _COLOUR_BYTES, 0, 0, 54),
    *(40, SIDE, SIDE, 1, 24, 0, _COLOUR_BYTES, 0, 0, 0, 0),
)
URL_PREFIX = "data:image/bmp;base64," + base64.b64encode(_HEAD).decode("ascii")


def placeholder_of(picture: PillowImage.Image) -> str:
    """Return the placeholder of `picture`: each colour is the mean of its sixteenth."""
    grid = picture.convert("RGB").resize((SIDE, SIDE), PillowImage.Resampling.BOX)
    colours = grid.tobytes("raw", "BGR", 0, -1)
    return base64.b64encode(colours).decode("ascii")


def placeholder_url(placeholder: str) -> str:
    """Return a placeholder as a `data:` URL of 158 characters: a bitmap of 4×4 pixels."""
    return URL_PREFIX + placeholder
