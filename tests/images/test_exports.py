"""A picture fetched as another kind of file: as asked, with what it was made of, within bounds."""

import io
from typing import Any

import pytest
from PIL import Image as PillowImage
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.core.errors import Invalid
from apps.images import heavy_work
from apps.images.exports import ExportFormat, export_picture
from apps.images.foreign_parameters import read_parameters, texts_of
from apps.images.models import Image
from apps.images.selectors import read_file
from tests.factories import encode, make_image

MADE: dict[str, Any] = {
    "prompt": "바다 위의 노을",
    "negative_prompt": "rain",
    "steps": 20,
    "scheduler": "euler_a",
    "scheduler_name": "Euler a",
    "guidance_scale": 5.0,
    "seed": 7,
    "width": 64,
    "height": 48,
    "model": "a, model: with marks",
    "easel_version": "1",
}


@pytest.fixture
def image(user: User) -> Image:
    return make_image(user, **MADE)


def fetch(api: APIClient, image: Image, **query: str) -> Any:
    return api.get(f"/api/v1/images/{image.image_name}/full", query)


def opened(content: bytes) -> PillowImage.Image:
    picture = PillowImage.open(io.BytesIO(content))
    picture.load()
    return picture


@pytest.mark.parametrize("query", [{}, {"format": "png"}, {"format": "png", "quality": "1"}])
def test_a_png_is_the_stored_one_to_the_byte(
    query: dict[str, str], api: APIClient, image: Image
) -> None:
    response = fetch(api, image, **query)

    assert response.status_code == 200
    assert response["Content-Type"] == "image/png"
    assert response.content == read_file(image=image)


@pytest.mark.parametrize(
    ("kind", "content_type", "suffix"),
    [("webp", "image/webp", "webp"), ("jpeg", "image/jpeg", "jpg")],
)
def test_a_picture_is_encoded_as_asked(
    kind: str, content_type: str, suffix: str, api: APIClient, image: Image
) -> None:
    response = fetch(api, image, format=kind, download="1")

    assert response.status_code == 200
    assert response["Content-Type"] == content_type
    assert response["Content-Disposition"] == f'attachment; filename="{image.image_name}.{suffix}"'
    assert response["Cache-Control"] == "private, max-age=31536000, immutable"
    assert response["X-Content-Type-Options"] == "nosniff"
    picture = opened(response.content)
    assert (picture.format, picture.size) == (kind.upper(), (64, 48))


@pytest.mark.parametrize("kind", ["webp", "jpeg"])
def test_how_it_was_made_goes_with_it(kind: str, api: APIClient, image: Image) -> None:
    found = read_parameters(texts_of(opened(fetch(api, image, format=kind).content)))

    assert found is not None
    assert found.metadata == {
        "source": "easel",
        "prompt": "바다 위의 노을",
        "negative_prompt": "rain",
        "seed": 7,
        "steps": 20,
        "guidance_scale": 5.0,
        "scheduler": "euler_a",
        "scheduler_name": "Euler a",
        "width": 64,
        "height": 48,
        "model_name": "a, model: with marks",
    }


@pytest.mark.parametrize("kind", [ExportFormat.WEBP, ExportFormat.JPEG])
@pytest.mark.parametrize("metadata", [{}, {"source": "comfyui"}, {"prompt": "x" * 40_000}])
def test_a_text_that_is_not_there_or_too_long_is_left_out(
    kind: ExportFormat, metadata: dict[str, Any]
) -> None:
    png = encode(PillowImage.new("RGB", (8, 8))).getvalue()

    exported = export_picture(png, to=kind, quality=90, metadata=metadata)

    assert texts_of(opened(exported)) == {}


@pytest.mark.parametrize("kind", [ExportFormat.WEBP, ExportFormat.JPEG])
def test_a_better_quality_is_larger(kind: ExportFormat) -> None:
    png = encode(PillowImage.effect_noise((64, 64), 60)).getvalue()
    sizes = [
        len(export_picture(png, to=kind, quality=quality, metadata={}))
        for quality in (1, 50, 89, 90, 100)
    ]

    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("kind", ["webp", "jpeg"])
def test_the_quality_is_90_unless_asked(kind: str, api: APIClient, image: Image) -> None:
    unasked = fetch(api, image, format=kind).content

    assert unasked == fetch(api, image, format=kind, quality="90").content
    assert unasked != fetch(api, image, format=kind, quality="50").content


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"format": "gif"}, "format"),
        ({"format": "json"}, "format"),
        ({"format": ""}, "format"),
        ({"format": "webp", "quality": "0"}, "quality"),
        ({"format": "webp", "quality": "101"}, "quality"),
        ({"format": "webp", "quality": "high"}, "quality"),
        ({"format": "webp", "download": "2"}, "download"),
    ],
)
def test_what_cannot_be_is_refused(
    query: dict[str, str], field: str, api: APIClient, image: Image
) -> None:
    response = fetch(api, image, **query)

    assert response.status_code == 422
    assert response["Content-Type"] == "application/json"
    assert response.json()["invalid_fields"] == [field]


@pytest.mark.parametrize("accept", ["image/webp", "image/avif,image/png;q=0.8", "*/*"])
def test_whoever_accepts_pictures_alone_gets_one(accept: str, api: APIClient, image: Image) -> None:
    address = f"/api/v1/images/{image.image_name}/full"

    assert api.get(address, {"format": "webp"}, HTTP_ACCEPT=accept).status_code == 200


def test_a_stranger_gets_no_kind_of_file(stranger_api: APIClient, image: Image) -> None:
    for kind in ExportFormat:
        assert fetch(stranger_api, image, format=kind.value).status_code == 404


@pytest.mark.parametrize(
    ("kind", "most"), [(ExportFormat.WEBP, 16_383), (ExportFormat.JPEG, 65_500)]
)
def test_a_side_that_has_no_room_is_refused(kind: ExportFormat, most: int) -> None:
    fits = encode(PillowImage.new("RGB", (most, 1))).getvalue()
    too_long = encode(PillowImage.new("RGB", (1, most + 1))).getvalue()

    assert opened(export_picture(fits, to=kind, quality=1, metadata={})).size == (most, 1)
    with pytest.raises(Invalid) as refused:
        export_picture(too_long, to=kind, quality=1, metadata={})
    assert refused.value.fields == {
        "format": [f"A side of such a file has at most {most} pixels. Take another format."]
    }


def test_only_a_few_are_encoded_at_once(
    api: APIClient, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heavy_work, "WAIT_SECONDS", 0.01)
    with heavy_work.heavy_work(), heavy_work.heavy_work():
        refused = fetch(api, image, format="webp")
        stored = fetch(api, image)

    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert refused["Retry-After"] == "5"
    assert stored.status_code == 200
    assert fetch(api, image, format="webp").status_code == 200
