"""Where the picture in a file ends, for each kind of file, whole, torn, and made to confuse."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage

from apps.images.containers import (
    MOST_PARTS,
    MOST_PICTURES,
    MOST_SCANS,
    DamagedError,
    end_of_picture,
    kind_of,
)
from tests.factories import encode, make_picture

KINDS = ["PNG", "JPEG", "WEBP", "AVIF"]
ZIP = b"PK\x03\x04" + b"\x00" * 40


def whole(kind: str) -> bytes:
    return encode(make_picture(), kind).getvalue()


def animated(kind: str) -> bytes:
    frames = [PillowImage.new("RGB", (32, 32), colour) for colour in ("red", "green", "blue")]
    return encode(frames[0], kind, save_all=True, append_images=frames[1:]).getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_ends_where_its_file_does(kind: str) -> None:
    content = whole(kind)

    assert kind_of(content) == kind
    assert end_of_picture(content, kind=kind) == len(content)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
def test_an_animation_ends_where_its_file_does(kind: str) -> None:
    content = animated(kind)

    assert end_of_picture(content, kind=kind) == len(content)


@pytest.mark.parametrize("options", [{"progressive": True}, {"restart_marker_blocks": 1}])
def test_scans_and_restarts_do_not_end_a_jpeg(options: dict[str, bool | int]) -> None:
    noise = PillowImage.effect_noise((300, 200), 90).convert("RGB")
    content = encode(noise, "JPEG", quality=95, **options).getvalue()

    assert end_of_picture(content, kind="JPEG") == len(content)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tail", [b"x", ZIP, b"<script>alert(1)</script>", b"GIF89a", b"\xff\xd9"])
def test_what_stands_behind_is_not_the_pictures(kind: str, tail: bytes) -> None:
    content = whole(kind)

    assert end_of_picture(content + tail, kind=kind) == len(content)


def test_the_previews_and_the_padding_of_a_camera_are_the_pictures() -> None:
    content = whole("JPEG") + bytes(64) + whole("JPEG") + bytes(3)

    assert end_of_picture(content, kind="JPEG") == len(content)
    assert end_of_picture(content + ZIP, kind="JPEG") == len(content)


@pytest.mark.parametrize("kind", KINDS)
def test_a_torn_picture_has_no_end(kind: str) -> None:
    content = whole(kind)

    for length in {12, 20, len(content) // 2, len(content) - 1}:
        with pytest.raises(DamagedError):
            end_of_picture(content[:length], kind=kind)


def test_a_box_with_a_long_length_is_gone_through() -> None:
    boxes = struct.pack(">I4s4s", 12, b"ftyp", b"avif") + struct.pack(">I4sQ", 1, b"mdat", 20)

    assert end_of_picture(boxes + b"1234", kind="AVIF") == 32
    assert end_of_picture(boxes + b"1234" + ZIP, kind="AVIF") == 32


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xff\xd8\xff\xe0\x00\x00" + b"\xff" * 100, "JPEG"),
        (b"\xff\xd8\xff\xe0\x00\x02\x00\xff\xd9", "JPEG"),
        (struct.pack(">I4s", 4, b"ftyp") * 9, "AVIF"),
        (b"\x89PNG\r\n\x1a\n" + struct.pack(">I4s", 0xFFFFFFFF, b"IHDR"), "PNG"),
        (b"RIFF\xff\xff\xff\xffWEBP", "WEBP"),
    ],
)
def test_lengths_that_cannot_be_are_damage(content: bytes, kind: str) -> None:
    with pytest.raises(DamagedError):
        end_of_picture(content, kind=kind)


def jpeg_of_scans(count: int) -> bytes:
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00" + b"data\xff\x00data"
    return b"\xff\xd8\xff\xe0\x00\x02" + scan * count + b"\xff\xd9"


def test_a_jpeg_that_would_be_decoded_over_and_over_is_damage() -> None:
    most = jpeg_of_scans(MOST_SCANS)
    assert end_of_picture(most, kind="JPEG") == len(most)

    with pytest.raises(DamagedError):
        end_of_picture(jpeg_of_scans(MOST_SCANS + 1), kind="JPEG")


@pytest.mark.parametrize(
    ("kind", "head", "part", "end"),
    [
        ("PNG", b"\x89PNG\r\n\x1a\n", b"\0\0\0\0tEXt\0\0\0\0", b"\0\0\0\0IEND\0\0\0\0"),
        ("JPEG", b"\xff\xd8", b"\xff\xe1\x00\x02", b"\xff\xd9"),
        ("AVIF", b"\0\0\0\x08ftyp", b"\0\0\0\x08free", b""),
    ],
)
def test_a_file_of_too_many_parts_is_damage(
    kind: str, head: bytes, part: bytes, end: bytes
) -> None:
    content = head + part * (MOST_PARTS - 2) + end
    assert end_of_picture(content, kind=kind) == len(content)

    with pytest.raises(DamagedError):
        end_of_picture(head + part * (MOST_PARTS + 1) + end, kind=kind)


def test_a_file_of_too_many_pictures_is_damage() -> None:
    with pytest.raises(DamagedError):
        end_of_picture(whole("JPEG") * (MOST_PICTURES + 1), kind="JPEG")


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"BM", b"<svg>", b"RIFF\0\0\0\0WAVE", b"%PDF"])
def test_other_kinds_are_not_known(content: bytes) -> None:
    assert kind_of(content) is None


@given(head=st.sampled_from(KINDS), body=st.binary(max_size=400))
def test_whatever_follows_a_head_the_walk_ends(head: str, body: bytes) -> None:
    content = io.BytesIO(whole(head)).read(24) + body
    try:
        assert 0 < end_of_picture(content, kind=head) <= len(content)
    except DamagedError:
        return
