import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image as PillowImage
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.images.models import Image
from tests.factories import encode, make_image, make_picture
from tests.queries import counted_queries

URL = "/api/v1/images"


def upload(api: APIClient, file: io.BytesIO) -> Any:
    return api.post(URL, {"file": file}, format="multipart")


def test_pictures_are_listed_newest_first(api: APIClient, user: User) -> None:
    images = [make_image(user, prompt=f"number {number}") for number in range(3)]

    body = api.get(URL).json()

    assert [entry["image_name"] for entry in body["results"]] == [
        str(image.image_name) for image in reversed(images)
    ]
    assert body["results"][0]["metadata"] == {"prompt": "number 2"}


@pytest.mark.parametrize("count", [1, 30])
def test_a_list_costs_one_query_at_any_length(api: APIClient, user: User, count: int) -> None:
    for _number in range(count):
        make_image(user)
    api.get(URL)

    with counted_queries() as queries:
        assert len(api.get(URL).json()["results"]) == count

    assert len(queries) == 3  # tenant, user, pictures


def test_a_picture_and_its_thumbnails_are_served(api: APIClient, user: User) -> None:
    image = make_image(user, prompt="x")
    body = api.get(f"{URL}/{image.image_name}").json()

    full = api.get(body["full_url"])
    small = api.get(body["thumbnail_urls"]["256"])
    large = api.get(body["thumbnail_urls"]["512"])

    assert full["Content-Type"] == "image/png"
    assert full["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in full["Cache-Control"]
    assert PillowImage.open(io.BytesIO(full.content)).size == (64, 48)
    for thumbnail in (small, large):
        assert thumbnail["Content-Type"] == "image/webp"
        assert PillowImage.open(io.BytesIO(thumbnail.content)).size == (64, 48)
    assert body["thumbnail_url"] == body["thumbnail_urls"]["256"]


def test_a_download_has_a_name(api: APIClient, user: User) -> None:
    image = make_image(user)

    response = api.get(f"{URL}/{image.image_name}/full", {"download": "1"})

    assert response["Content-Disposition"] == f'attachment; filename="{image.image_name}.png"'


def test_a_thumbnail_of_another_size_is_not_there(api: APIClient, user: User) -> None:
    image = make_image(user)

    assert api.get(f"{URL}/{image.image_name}/thumbnails/300").status_code == 404


def test_a_stranger_sees_and_changes_nothing(
    stranger_api: APIClient, user: User, stored_files: Callable[[], set[str]]
) -> None:
    image = make_image(user)
    address = f"{URL}/{image.image_name}"

    for path in (address, f"{address}/full", f"{address}/thumbnails/256"):
        assert stranger_api.get(path).status_code == 404
    assert stranger_api.delete(address).status_code == 404
    assert stranger_api.get(URL).json()["results"] == []
    assert Image.objects.get().image_name == image.image_name
    assert len(stored_files()) == 3


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP"])
def test_an_upload_is_kept_as_png(api: APIClient, user: User, image_format: str) -> None:
    response = upload(api, encode(make_picture(80, 40), image_format))

    assert response.status_code == 201
    body = response.json()
    assert response["Location"] == body["url"]
    assert (body["width"], body["height"]) == (80, 40)
    assert (body["image_origin"], body["image_category"]) == ("external", "user")
    full = PillowImage.open(io.BytesIO(api.get(body["full_url"]).content))
    assert full.format == "PNG"


def test_an_upload_is_turned_upright_and_loses_its_metadata(api: APIClient) -> None:
    exif = PillowImage.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010F] = "a camera that must not be told"
    body = upload(api, encode(make_picture(80, 40), "JPEG", exif=exif)).json()

    full = api.get(body["full_url"]).content
    assert PillowImage.open(io.BytesIO(full)).size == (40, 80)
    assert b"camera" not in full


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no picture at all",
        encode(make_picture(300, 300)).getvalue()[:400],
        encode(make_picture(300, 300), "JPEG").getvalue()[:-200],
        encode(make_picture(300, 300), "WEBP").getvalue()[:-50],
        encode(make_picture(), "GIF").getvalue(),
        encode(make_picture(), "BMP").getvalue(),
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    ],
    ids=["empty", "text", "cut png", "cut jpeg", "cut webp", "gif", "bmp", "svg"],
)
def test_what_is_no_whole_picture_is_refused(
    api: APIClient, content: bytes, stored_files: Callable[[], set[str]]
) -> None:
    file = SimpleUploadedFile("picture.png", content, content_type="image/png")
    response = api.post(URL, {"file": file}, format="multipart")

    assert response.status_code == 422
    assert response.json()["invalid_fields"] == ["file"]
    assert not Image.objects.exists()
    assert stored_files() == set()


def test_an_upload_without_a_file_is_refused(api: APIClient) -> None:
    response = api.post(URL, {}, format="multipart")

    assert response.status_code == 422
    assert response.json()["invalid_fields"] == ["file"]


def test_a_torn_upload_is_refused(api: APIClient) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n\r\n" + encode(make_picture()).getvalue()[:60]
    )
    response = api.post(URL, body, content_type="multipart/form-data; boundary=b")

    assert response.status_code in {400, 422}
    assert not Image.objects.exists()


def test_a_file_that_is_too_large_is_refused(api: APIClient, settings: Any) -> None:
    settings.EASEL_UPLOAD_MAX_BYTES = 100
    response = upload(api, encode(make_picture()))

    assert response.status_code == 413
    assert response.json()["limit"] == 100
    assert not Image.objects.exists()


def test_a_picture_with_too_many_pixels_is_refused(api: APIClient, settings: Any) -> None:
    settings.EASEL_UPLOAD_MAX_PIXELS = 100
    response = upload(api, encode(make_picture()))

    assert response.status_code == 422
    assert response.json()["limit"] == 100


def test_a_results_png_tells_how_it_was_made(api: APIClient, user: User) -> None:
    image = make_image(
        user,
        prompt="바다 위의 노을",
        negative_prompt="rain",
        steps=20,
        scheduler_name="Euler a",
        guidance_scale=5.0,
        seed=7,
        width=64,
        height=48,
        model="starter",
        easel_version="1",
    )
    png = PillowImage.open(io.BytesIO(api.get(f"{URL}/{image.image_name}/full").content))
    png.load()

    assert isinstance(png, PillowImage.Image)
    assert json.loads(png.info["easel"])["prompt"] == "바다 위의 노을"
    assert png.info["parameters"] == (
        "바다 위의 노을\n"
        "Negative prompt: rain\n"
        "Steps: 20, Sampler: Euler a, CFG scale: 5.0, Seed: 7, Size: 64x48, Model: starter, "
        "Version: Easel 1"
    )
