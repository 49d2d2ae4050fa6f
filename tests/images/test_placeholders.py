"""A picture's own colours, in 64 characters."""

import base64
import io

import pytest
from PIL import Image as PillowImage

from apps.images.placeholders import placeholder_of, placeholder_url

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def quarters(width: int, height: int) -> PillowImage.Image:
    """Make a picture that is red and green above, and blue and white below."""
    picture = PillowImage.new("RGB", (2, 2))
    picture.putdata([RED, GREEN, BLUE, WHITE])
    return picture.resize((width, height), PillowImage.Resampling.NEAREST)


def shown(placeholder: str) -> PillowImage.Image:
    """Read a placeholder as a browser does."""
    head, _, content = placeholder_url(placeholder).partition(",")
    assert head == "data:image/bmp;base64"
    picture = PillowImage.open(io.BytesIO(base64.b64decode(content, validate=True)))
    assert (picture.format, picture.mode, picture.size) == ("BMP", "RGB", (4, 4))
    return picture


def colours(placeholder: str) -> list[tuple[int, ...]]:
    content = shown(placeholder).tobytes()
    return [tuple(content[start : start + 3]) for start in range(0, len(content), 3)]


@pytest.mark.parametrize("size", [(512, 512), (2000, 8), (4, 4), (2, 2)])
def test_a_placeholder_has_the_colours_in_their_places(size: tuple[int, int]) -> None:
    placeholder = placeholder_of(quarters(*size))

    assert len(placeholder) == 64
    above, below = [RED, RED, GREEN, GREEN], [BLUE, BLUE, WHITE, WHITE]
    assert colours(placeholder) == [*above, *above, *below, *below]


def test_a_colour_is_the_mean_of_its_part() -> None:
    picture = PillowImage.new("RGB", (8, 8))
    for x in range(0, 8, 2):
        picture.paste((200, 100, 50), (x, 0, x + 1, 8))

    assert colours(placeholder_of(picture)) == [(100, 50, 25)] * 16


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1"])
def test_any_mode_has_a_placeholder(mode: str) -> None:
    assert colours(placeholder_of(PillowImage.new("RGB", (9, 7)).convert(mode))) == [(0, 0, 0)] * 16


def test_a_picture_of_one_pixel_has_one() -> None:
    assert colours(placeholder_of(PillowImage.new("RGB", (1, 1), BLUE))) == [BLUE] * 16


def test_its_address_is_short() -> None:
    assert len(placeholder_url(placeholder_of(quarters(64, 48)))) == 158
