"""Signed addresses of files: for programs, for a while, for that one file."""

import uuid
from datetime import UTC, datetime

import pytest
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.credentials import SESSION
from apps.accounts.models import Scope, User
from apps.accounts.services.keys import create_key
from apps.images import signing
from apps.images.models import Image
from apps.images.services.purges import delete_purged_files
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from tests.factories import delete_image, make_image
from tests.queries import counted_queries

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def image(user: User) -> Image:
    return make_image(user)


@pytest.fixture
def program(user: User) -> APIClient:
    start_subscription(user=user, plan=PLANS["pro"])
    _key, secret = create_key(user=user, granter=SESSION, name="k", scopes=[Scope.READ])
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def at(moment: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.images.signing.timezone.now", lambda: moment)


def address(image: Image, variant: str = "full") -> str:
    return signing.signed_address(
        user_id=image.user_id, image_name=image.image_name, variant=variant
    )


def test_a_key_is_told_addresses_that_need_no_key(program: APIClient, image: Image) -> None:
    body = program.get(f"/api/v1/images/{image.image_name}").json()

    with counted_queries() as queries:
        full = Client().get(body["full_url"])
        small = Client().get(body["thumbnail_urls"]["256"])

    assert (full.status_code, full["Content-Type"]) == (200, "image/png")
    assert (small.status_code, small["Content-Type"]) == (200, "image/webp")
    assert full["X-Content-Type-Options"] == "nosniff"
    assert full.content.startswith(b"\x89PNG")
    assert queries == []


def test_a_list_and_a_page_differ(program: APIClient, api: APIClient, image: Image) -> None:
    (for_program,) = program.get("/api/v1/images").json()["results"]
    (for_page,) = api.get("/api/v1/images").json()["results"]

    assert for_program["thumbnail_url"].startswith(
        f"/files/{image.user_id}/{image.image_name}/256?"
    )
    assert for_page["thumbnail_url"] == f"/api/v1/images/{image.image_name}/thumbnails/256"


def test_an_address_repeats_for_a_day_and_ends(
    image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(NOON, monkeypatch)
    first = address(image)
    at(NOON.replace(hour=23, minute=59), monkeypatch)
    assert address(image) == first
    at(datetime(2026, 3, 2, 23, 59, 59, tzinfo=UTC), monkeypatch)
    answer = Client().get(first)
    assert (answer.status_code, answer["Cache-Control"]) == (200, "private, max-age=1, immutable")
    assert address(image) != first
    at(datetime(2026, 3, 3, tzinfo=UTC), monkeypatch)
    assert Client().get(first).status_code == 404


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/full?", "/256?"),
        ("ends=", "ends=1"),
        ("ends=", "ends=x"),
        ("signature=", "signature=x"),
        ("signature=", "other="),
        ("?ends", "?"),
    ],
)
def test_an_altered_address_leads_nowhere(old: str, new: str, image: Image) -> None:
    good = address(image)
    assert Client().get(good).status_code == 200

    assert Client().get(good.replace(old, new)).status_code == 404


def test_an_address_of_one_picture_opens_no_other(image: Image, stranger: User) -> None:
    theirs = make_image(stranger)
    mine = address(image)

    for old, new in (
        (image.image_name, theirs.image_name),
        (image.user_id, theirs.user_id),
        (image.image_name, uuid.uuid4()),
    ):
        assert Client().get(mine.replace(str(old), str(new))).status_code == 404


def test_a_deleted_picture_is_gone_with_the_next_sweep(user: User, image: Image) -> None:
    signed = address(image)
    delete_image(user=user, image_name=image.image_name)
    delete_purged_files()

    assert Client().get(signed).status_code == 404


def test_an_unknown_variant_is_not_found(image: Image) -> None:
    assert Client().get(address(image, "1024")).status_code == 404
