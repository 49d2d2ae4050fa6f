"""What the pages answer, to whom, and with how many queries."""

import uuid
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.dashboard.gallery_selectors import gallery_page
from apps.images.models import Image, ImageCategory, ImageOrigin
from tests.queries import counted_queries

# The session comes from the cache.
SIGNED_IN_QUERIES = 4  # tenant, user; plan and balance, which are not in the cache yet


def add_images(user: User, count: int, **fields: Any) -> list[Image]:
    """Insert `count` rows without files; the oldest first."""
    return [
        Image.objects.create(
            user=user,
            image_origin=ImageOrigin.INTERNAL,
            image_category=ImageCategory.GENERAL,
            width=64,
            height=64,
            file_size_bytes=1,
            **({"metadata": {"prompt": f"picture {n}"}} | fields),
        )
        for n in range(count)
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/create/", "/gallery/", f"/gallery/{uuid.UUID(int=1)}/", "/gallery/?cursor=x"]
)
def test_a_visitor_is_sent_to_sign_in_and_back(client: Client, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/sign-in/?next=/")


def test_create_offers_the_models_with_their_limits(
    browser_client: Client, starter: GenerationModel
) -> None:
    response = browser_client.get("/create/")

    assert response.status_code == 200
    assert [model["key"] for model in response.context["models"]] == [starter.key]
    assert starter.name in response.content.decode()
    assert response["Cache-Control"] == "max-age=0, no-cache, no-store, must-revalidate, private"


@pytest.mark.parametrize("count", [1, 47, 130])
def test_the_gallery_asks_once_however_many_pictures_there_are(
    browser_client: Client,
    user: User,
    count: int,
) -> None:
    add_images(user, count)

    with counted_queries() as queries:
        response = browser_client.get("/gallery/")

    assert len(queries) == SIGNED_IN_QUERIES + 4  # pictures, models, boards, counts
    assert response.content.decode().count('class="tile"') == min(count, 48)


def test_a_picture_page_asks_four_times(browser_client: Client, user: User) -> None:
    images = add_images(user, 3)

    with counted_queries() as queries:
        response = browser_client.get(f"/gallery/{images[1].image_name}/")

    assert len(queries) == SIGNED_IN_QUERIES + 4
    picture = response.context["picture"]
    assert (picture.newer, picture.older) == (images[2].image_name, images[0].image_name)


def test_the_ends_of_the_gallery_have_one_neighbour(browser_client: Client, user: User) -> None:
    images = add_images(user, 2)

    newest = browser_client.get(f"/gallery/{images[1].image_name}/").context["picture"]
    oldest = browser_client.get(f"/gallery/{images[0].image_name}/").context["picture"]

    assert (newest.newer, newest.older) == (None, images[0].image_name)
    assert (oldest.newer, oldest.older) == (images[1].image_name, None)


def test_cursors_reach_every_picture_once_also_where_times_are_equal(user: User) -> None:
    add_images(user, 25)
    Image.objects.update(created_at=timezone.now())

    seen = []
    asked: dict[str, str] = {}
    while True:
        page = gallery_page(user=user, asked=asked, size=10)
        seen += [image.image_name for image in page.images]
        if page.next_cursor is None:
            break
        asked = {"cursor": page.next_cursor}

    assert len(seen) == 25
    assert set(seen) == set(Image.objects.values_list("image_name", flat=True))


def test_neighbours_follow_the_order_of_the_grid_where_times_are_equal(
    browser_client: Client, user: User
) -> None:
    add_images(user, 5)
    Image.objects.update(created_at=timezone.now())
    grid = [image.image_name for image in gallery_page(user=user).images]

    walked = [grid[0]]
    while True:
        picture = browser_client.get(f"/gallery/{walked[-1]}/").context["picture"]
        if picture.older is None:
            break
        walked.append(picture.older)

    assert walked == grid


@pytest.mark.parametrize("cursor", ["x", "AAAA", "MjAyNi0xMS0yMnw=", "é", "%00"])
def test_a_cursor_that_is_not_ours_is_a_page_that_is_not_there(
    browser_client: Client, cursor: str
) -> None:
    response = browser_client.get("/gallery/", {"cursor": cursor})

    assert response.status_code == 404


def test_htmx_gets_the_part_it_asks_for(browser_client: Client, user: User) -> None:
    image = add_images(user, 1)[0]
    htmx = {"HX-Request": "true"}

    tiles = browser_client.get("/gallery/", headers=htmx).content.decode()
    picture = browser_client.get(f"/gallery/{image.image_name}/", headers=htmx).content.decode()
    tile = browser_client.get(f"/gallery/{image.image_name}/tile/", headers=htmx).content.decode()

    assert "<html" not in tiles + picture + tile
    assert tiles.count('class="tile"') == tile.count('class="tile"') == 1
    assert "picture 0" in picture


@pytest.mark.parametrize("part", ["", "tile/"])
def test_a_stranger_finds_no_picture(browser_client: Client, stranger: User, part: str) -> None:
    theirs = add_images(stranger, 1)[0]

    response = browser_client.get(f"/gallery/{theirs.image_name}/{part}")

    assert response.status_code == 404
    assert "picture 0" not in response.content.decode()
    assert 'class="tile"' not in browser_client.get("/gallery/").content.decode()


def test_pages_only_read(browser_client: Client) -> None:
    for path in ("/create/", "/gallery/", f"/gallery/{uuid.uuid4()}/"):
        assert browser_client.post(path).status_code == 405


def test_prompts_are_text_whatever_they_hold(browser_client: Client, user: User) -> None:
    prompt = '<script>alert(1)</script> "quoted" 바다 🙂 {{ x }}'
    image = add_images(user, 1, metadata={"prompt": prompt})[0]

    grid = browser_client.get("/gallery/").content.decode()
    page = browser_client.get(f"/gallery/{image.image_name}/").content.decode()

    for html in (grid, page):
        assert "<script>alert" not in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &quot;quoted&quot; 바다 🙂 {{ x }}" in html


def test_a_picture_tells_the_facts_it_has(browser_client: Client, user: User) -> None:
    made = add_images(
        user,
        1,
        metadata={
            "prompt": "a red circle",
            "negative_prompt": "",
            "model_name": "Easel Starter",
            "seed": 0,
            "steps": 20,
            "scheduler_name": "DDIM",
            "guidance_scale": 4.0,
            "strength": None,
            "compute_seconds": 1.234,
        },
    )[0]
    uploaded = add_images(user, 1, metadata={})[0]

    facts = browser_client.get(f"/gallery/{made.image_name}/").context["picture"].facts
    assert [(str(fact.name), fact.value) for fact in facts] == [
        ("Model", "Easel Starter"),
        ("Seed", 0),
        ("Steps", 20),
        ("Scheduler", "DDIM"),
        ("Guidance scale", 4.0),
        ("Size", "64 × 64"),
        ("Seconds", "1.2"),
    ]
    page = browser_client.get(f"/gallery/{uploaded.image_name}/")
    assert [str(fact.name) for fact in page.context["picture"].facts] == ["Size"]
    assert "Uploaded picture" in page.content.decode()
    assert "Use these settings" not in page.content.decode()
