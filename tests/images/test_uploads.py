"""What users send as pictures: every kind and colour kept right, everything hostile refused."""

import io
import json
import struct
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage
from PIL import PngImagePlugin
from rest_framework.test import APIClient

from apps.core.errors import Invalid, RateLimited
from apps.images import heavy_work
from apps.images.models import Image
from apps.images.services import pictures
from apps.images.uploads import Upload, read_upload
from tests.factories import encode, make_picture
from tests.images.profiles import BLUE, GREEN, RED, grey_profile, rgb_profile
from tests.stack import wait_until

URL = "/api/v1/images"
KINDS = ["PNG", "JPEG", "WEBP", "AVIF"]
MAX_PIXELS = 1_000_000
Files = Callable[[], set[str]]


def send(api: APIClient, content: bytes, name: str = "picture.png") -> Any:
    file = SimpleUploadedFile(name, content, content_type="image/png")
    return api.post(URL, {"file": file}, format="multipart")


def read(content: bytes, *, max_pixels: int = MAX_PIXELS) -> Upload:
    return read_upload(io.BytesIO(content), max_pixels=max_pixels)


def pixel(content: bytes, x: int = 0, y: int = 0) -> Any:
    picture = read(content).picture
    assert picture.mode == "RGB"
    return picture.getpixel((x, y))


def png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def png_of_size(width: int, height: int) -> bytes:
    """Make a PNG of a few bytes that says it is this large."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = (
        png_chunk(b"IHDR", head),
        png_chunk(b"IDAT", zlib.compress(b"")),
        png_chunk(b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_known_by_its_content(kind: str, api: APIClient) -> None:
    response = send(api, encode(make_picture(80, 40), kind).getvalue(), name="holiday.gif")

    assert response.status_code == 201
    body = response.json()
    assert (body["width"], body["height"], body["metadata"]) == (80, 40, {})
    full = PillowImage.open(io.BytesIO(api.get(body["full_url"]).content))
    assert (full.format, full.mode) == ("PNG", "RGB")


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_also_something_else_is_refused(
    kind: str, api: APIClient, stored_files: Files
) -> None:
    content = encode(make_picture(), kind).getvalue()

    response = send(api, content + b"PK\x03\x04" + bytes(60))

    assert response.status_code == 422
    assert response.json()["fields"] == {
        "file": ["There is more in this file than a picture. Save it anew and try again."]
    }
    assert not Image.objects.exists()
    assert stored_files() == set()
    assert send(api, content).status_code == 201


@pytest.mark.parametrize(
    "content",
    [
        png_of_size(1001, 1000),
        png_of_size(60_000, 60_000),
        b"RIFF\x16\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00" + b"\xfe\x3f\x00" * 2,
    ],
    ids=["over the limit", "a bomb", "a canvas"],
)
def test_a_picture_is_refused_by_the_size_that_it_states(content: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        read(content)

    assert refused.value.fields == {"file": ["The picture has too many pixels."]}
    assert refused.value.numbers == {"limit": MAX_PIXELS}


def test_a_picture_of_as_many_pixels_as_are_allowed_is_taken() -> None:
    content = encode(make_picture(50, 20)).getvalue()

    assert read(content, max_pixels=1000).picture.size == (50, 20)
    with pytest.raises(Invalid):
        read(content, max_pixels=999)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
def test_of_an_animation_the_first_frame_is_kept(kind: str) -> None:
    frames = [PillowImage.new("RGB", (32, 32), colour) for colour in ("red", "green", "blue")]
    options: dict[str, Any] = {} if kind == "PNG" else {"quality": 100}
    content = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)

    upload = read(content.getvalue(), max_pixels=32 * 32)

    assert upload.picture.size == (32, 32)
    colour: Any = upload.picture.getpixel((5, 5))
    assert colour[0] > 250
    assert max(colour[1:]) < 5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("orientation", "corner"),
    [
        *((1, (0, 0)), (2, (1, 0)), (3, (1, 1)), (4, (0, 1))),
        *((5, (0, 0)), (6, (1, 0)), (7, (1, 1)), (8, (0, 1))),
    ],
)
def test_a_picture_is_turned_upright(kind: str, orientation: int, corner: tuple[int, int]) -> None:
    picture = PillowImage.new("RGB", (64, 32), "black")
    picture.paste("white", (0, 0, 16, 16))
    exif = PillowImage.Exif()
    exif[0x0112] = orientation

    upright = read(encode(picture, kind, exif=exif, quality=95).getvalue()).picture

    assert upright.size == ((64, 32) if orientation < 5 else (32, 64))
    x, y = ((size - 1) * there for size, there in zip(upright.size, corner, strict=True))
    assert min(upright.getpixel((x, y))) > 240  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_spoils_no_picture() -> None:
    content = encode(make_picture(), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff").getvalue()

    assert read(content).picture.size == (64, 48)


def test_colours_of_another_profile_are_turned_into_srgb() -> None:
    # What this display calls red is blue.
    profile = rgb_profile(red=BLUE, green=GREEN, blue=RED)
    picture = PillowImage.new("RGB", (8, 8), (255, 0, 0))

    assert pixel(encode(picture, icc_profile=profile).getvalue()) == (0, 0, 255)
    assert pixel(encode(picture).getvalue()) == (255, 0, 0)


def test_transparency_stays_white_under_a_profile() -> None:
    profile = rgb_profile(red=BLUE, green=GREEN, blue=RED)
    picture = PillowImage.new("RGBA", (8, 8), (255, 0, 0, 255))
    picture.putpixel((1, 0), (255, 0, 0, 0))
    content = encode(picture, icc_profile=profile).getvalue()

    assert (pixel(content), pixel(content, 1)) == ((0, 0, 255), (255, 255, 255))


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_greys_of_another_profile_are_turned_into_srgb(mode: str) -> None:
    picture = PillowImage.new("L", (8, 8), 128).convert(mode)

    # Half of the light: 188 by the curve of sRGB (IEC 61966-2-1).
    assert pixel(encode(picture, icc_profile=grey_profile(1.0)).getvalue()) == (188, 188, 188)


@pytest.mark.parametrize(
    ("mode", "profile"),
    [
        ("RGB", b"no profile"),
        ("RGB", grey_profile(1.0)[:150]),
        ("CMYK", rgb_profile(red=BLUE, green=GREEN, blue=RED)),
    ],
)
def test_a_profile_that_does_not_fit_is_not_heeded(mode: str, profile: bytes) -> None:
    picture = PillowImage.new("RGB", (8, 8), "white").convert(mode)
    kind = "JPEG" if mode == "CMYK" else "PNG"

    assert pixel(encode(picture, kind, icc_profile=profile).getvalue()) == (255, 255, 255)


def grey_16() -> PillowImage.Image:
    return PillowImage.frombytes("I;16", (8, 8), struct.pack("<H", 0x8040) * 64)


@pytest.mark.parametrize(
    ("kind", "picture", "expected"),
    [
        ("PNG", grey_16(), (128, 128, 128)),
        ("PNG", PillowImage.new("1", (8, 8), 1), (255, 255, 255)),
        ("PNG", PillowImage.new("LA", (8, 8), (0, 128)), (127, 127, 127)),
        ("PNG", PillowImage.new("RGBA", (8, 8), (255, 0, 0, 0)), (255, 255, 255)),
        ("PNG", PillowImage.new("RGB", (8, 8), (9, 80, 200)).quantize(4), (9, 80, 200)),
        ("JPEG", PillowImage.new("CMYK", (8, 8), (0, 255, 255, 0)), (255, 0, 0)),
        ("WEBP", PillowImage.new("RGBA", (8, 8), (0, 0, 0, 0)), (255, 255, 255)),
        ("AVIF", PillowImage.new("RGBA", (8, 8), (0, 0, 0, 0)), (255, 255, 255)),
    ],
    ids=["16 bits", "1 bit", "half", "clear", "palette", "cmyk", "clear webp", "clear avif"],
)
def test_every_way_to_write_colours_is_read(
    kind: str, picture: PillowImage.Image, expected: tuple[int, int, int]
) -> None:
    assert pixel(encode(picture, kind).getvalue(), 4, 4) == expected


def test_a_transparent_entry_of_a_palette_is_white() -> None:
    picture = PillowImage.new("RGB", (8, 8), "red").quantize(4)

    assert pixel(encode(picture, transparency=picture.getpixel((0, 0))).getvalue()) == (255,) * 3


@pytest.mark.parametrize("name", ["icc_profile", "transparency", "exif", "gamma", "dpi", "XML"])
def test_a_text_that_poses_as_a_property_does_no_harm(name: str, api: APIClient) -> None:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text(name, "nothing of the kind")
    content = encode(make_picture(), pnginfo=chunks).getvalue()

    assert send(api, content).status_code in {201, 422}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_file_with_wrong_bytes_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "workflow:{}"
    content = bytearray(encode(make_picture(), kind, exif=exif).getvalue())
    for _change in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    # Whatever else is raised is a fault of ours.
    with suppress(Invalid):
        assert read(bytes(content)).picture.mode == "RGB"


def test_a_large_upload_is_on_the_disk_until_it_is_decoded(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[Any] = []

    def look(file: Any, *, max_pixels: int) -> Upload:
        received.append(file)
        return read_upload(file, max_pixels=max_pixels)

    monkeypatch.setattr(pictures, "read_upload", look)
    noise = PillowImage.effect_noise((800, 600), 90)
    small, large = encode(make_picture()).getvalue(), encode(noise).getvalue()
    assert len(small) < 256 * 1024 < len(large)

    assert send(api, large).status_code == 201
    assert send(api, small).status_code == 201

    assert [isinstance(file, TemporaryUploadedFile) for file in received] == [True, False]


def test_only_a_few_pictures_are_decoded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heavy_work, "WAIT_SECONDS", 0.01)
    content = encode(make_picture()).getvalue()
    with heavy_work.heavy_work(), heavy_work.heavy_work(), pytest.raises(RateLimited) as refused:
        read(content)

    assert (refused.value.status, refused.value.numbers) == (429, {"retry_after": 5, "limit": 2})
    assert read(content).picture.size == (64, 48)


def test_no_more_than_a_few_wait_for_their_turn() -> None:
    """Whoever waits holds a thread that others need."""
    begun = threading.Barrier(heavy_work.WAITING + 1)

    def wait() -> None:
        begun.wait(10)
        with heavy_work.heavy_work():
            pass

    waiting = [threading.Thread(target=wait) for _place in range(heavy_work.WAITING)]
    with heavy_work.heavy_work(), heavy_work.heavy_work():
        for thread in waiting:
            thread.start()
        begun.wait(10)
        wait_until(lambda: heavy_work._places._value == 0, seconds=10, what="the waiting")
        started = time.monotonic()
        with pytest.raises(RateLimited), heavy_work.heavy_work():
            pass
        assert time.monotonic() - started < heavy_work.WAIT_SECONDS / 2
    for thread in waiting:
        thread.join(10)
        assert not thread.is_alive()


def test_what_a_file_tells_of_its_making_is_kept(api: APIClient) -> None:
    graph = {
        "3": {
            "class_type": "KSampler",
            "inputs": {"seed": 7, "steps": 20, "positive": ["6", 0], "latent_image": ["5", 0]},
        },
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 48}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a\x00 red\ud800 circle"}},
    }
    drawn = {"nodes": [{"id": 3, "title": "a\x00b"}], "version": 0.4}
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("prompt", json.dumps(graph).replace("20", "NaN"))
    chunks.add_text("workflow", json.dumps(drawn))

    response = send(api, encode(make_picture(), pnginfo=chunks).getvalue())

    assert response.status_code == 201
    expected = {
        "source": "comfyui",
        "prompt": "a red circle",
        "seed": 7,
        "width": 64,
        "height": 48,
    }
    assert response.json()["metadata"] == expected
    image = Image.objects.get()
    assert image.metadata == expected
    assert image.has_workflow is True
    assert image.workflow == {"nodes": [{"id": 3, "title": "ab"}], "version": 0.4}


def test_a_file_that_tells_nothing_has_no_workflow(api: APIClient) -> None:
    send(api, encode(make_picture()).getvalue())

    image = Image.objects.get()
    assert (image.metadata, image.workflow, image.has_workflow) == ({}, None, False)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le"])
def test_a_comment_in_exif_is_read_too(kind: str, encoding: str) -> None:
    text = "바다 위의 노을\nSteps: 20, Sampler: Euler a, Seed: 7"
    exif = PillowImage.Exif()
    exif[0x0131] = "some program"
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\x00" + text.encode(encoding)

    parameters = read(encode(make_picture(), kind, exif=exif).getvalue()).parameters

    assert parameters is not None
    assert parameters.metadata == {
        "source": "a1111",
        "prompt": "바다 위의 노을",
        "seed": 7,
        "steps": 20,
        "scheduler": "euler_a",
        "scheduler_name": "Euler a",
    }


def test_comfyui_is_read_from_a_webp() -> None:
    exif = PillowImage.Exif()
    inputs = {"seed": 7, "latent_image": ["2", 0]}
    exif[0x0110] = "prompt:" + json.dumps({"1": {"class_type": "KSampler", "inputs": inputs}})
    exif[0x010F] = 'workflow:{"nodes": []}'

    parameters = read(encode(make_picture(), "WEBP", exif=exif).getvalue()).parameters

    assert parameters is not None
    assert parameters.metadata == {"source": "comfyui", "seed": 7}
    assert parameters.workflow == {"nodes": []}
