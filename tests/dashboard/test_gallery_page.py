"""The gallery: what an address asks for, where the pages of a list begin, and the boards."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.boards.services import create_board, edit_board
from apps.dashboard.gallery_selectors import PAGE_SIZE, gallery_page
from apps.images.models import Image
from tests.dashboard.test_pages import SIGNED_IN_QUERIES, add_images
from tests.queries import counted_queries

PLACES = "/gallery/places/"


def tiles(client: Client, **query: Any) -> int:
    return client.get("/gallery/", query).content.decode().count('class="tile"')


@pytest.mark.parametrize("order", ["newest", "oldest", "rating"])
def test_pages_begin_where_the_outline_says(
    browser_client: Client, user: User, stranger: User, order: str
) -> None:
    add_images(stranger, 3)
    for number, image in enumerate(add_images(user, 2 * PAGE_SIZE + 5)):
        # The cursors of the other orders do not say it.
        rating = number % 6 if order == "rating" else 0
        Image.objects.filter(id=image.id).update(rating=rating)

    with counted_queries() as queries:
        outline = browser_client.get(PLACES, {"order": order}).json()

    assert len(queries) == SIGNED_IN_QUERIES - 2 + 1  # no plan and no balance are shown
    assert (outline["length"], outline["goes_on"]) == (2 * PAGE_SIZE + 5, False)
    first = gallery_page(user=user, asked={"order": order})
    second = gallery_page(user=user, asked={"order": order, "cursor": first.next_cursor or ""})
    assert outline["cursors"] == [first.next_cursor, second.next_cursor]
    rest = browser_client.get(PLACES, {"order": order, "cursor": outline["cursors"][0]}).json()
    assert (rest["length"], rest["cursors"]) == (PAGE_SIZE + 5, outline["cursors"][1:])


@pytest.mark.parametrize(
    ("query", "is_live"),
    [
        ("", True),
        ("?board=none", True),
        ("?board=none&order=newest", True),
        ("?order=oldest", False),
        ("?starred=true", False),
        ("?since=2026-01-01T00:00:00Z", False),
        ("?cursor={}", False),
    ],
)
def test_new_pictures_come_where_the_newest_are_shown(
    browser_client: Client, user: User, query: str, is_live: bool
) -> None:
    add_images(user, PAGE_SIZE + 1)
    cursor = gallery_page(user=user).next_cursor

    html = browser_client.get(f"/gallery/{query.format(cursor)}").content.decode()

    assert ("data-live" in html) is is_live


def test_an_outline_is_of_what_is_asked_for(browser_client: Client, user: User) -> None:
    board = create_board(user=user, name="Seas")
    for image in add_images(user, 5)[:3]:
        Image.objects.filter(id=image.id).update(board_id=board.id, starred=True)

    assert browser_client.get(PLACES, {"board": str(board.id)}).json()["length"] == 3
    assert browser_client.get(PLACES, {"board": "none"}).json()["length"] == 2
    assert browser_client.get(PLACES, {"starred": "true"}).json()["length"] == 3
    assert browser_client.get(PLACES, {"rating_from": "5"}).json() == {
        "cursors": [],
        "length": 0,
        "goes_on": False,
    }
    for wrong in ({"q": "sea"}, {"cursor": "x"}, {"order": "best"}, {"board": "x"}):
        assert browser_client.get(PLACES, wrong).status_code == 404


def test_filters_of_the_page_narrow_together(browser_client: Client, user: User) -> None:
    images = add_images(user, 6, metadata={"prompt": "p", "model": "sdxl", "seed": 1})
    add_images(user, 2, metadata={"prompt": "other", "model": "flux"})
    changes: list[dict[str, Any]] = [
        {"rating": 4, "tags": ["sea", "draft"]},
        {"rating": 3},
        {"tags": ["sea"]},
    ]
    for image, changed in zip(images, changes, strict=False):
        Image.objects.filter(id=image.id).update(**changed)
    tomorrow = (timezone.now() + timedelta(days=1)).isoformat()

    assert tiles(browser_client, rating_from=3) == 2
    assert tiles(browser_client, tag="sea") == 2
    assert tiles(browser_client, tag="draft, sea,") == 1
    assert tiles(browser_client, model="flux") == 2
    assert tiles(browser_client, model="sdxl", rating_from=4) == 1
    assert tiles(browser_client, like=images[0].image_name) == 6
    assert tiles(browser_client, since=tomorrow) == 0
    assert tiles(browser_client, until=tomorrow, rating_from="") == 8
    for wrong in ({"rating_from": "6"}, {"like": "x"}, {"since": "yesterday"}):
        assert browser_client.get("/gallery/", wrong).status_code == 404


def test_the_way_on_and_the_way_out_keep_what_was_asked_for(
    browser_client: Client, user: User
) -> None:
    board = create_board(user=user, name="Seas")
    for image in add_images(user, PAGE_SIZE + 2):
        Image.objects.filter(id=image.id).update(board_id=board.id, starred=True)

    page = browser_client.get("/gallery/", {"board": str(board.id), "starred": "true"})

    found = page.context["page"]
    assert found.list_query == f"starred=true&board={board.id}"
    assert found.place == f"board={board.id}"
    assert found.next_query == f"{found.list_query}&cursor={found.next_cursor}"
    assert tiles(browser_client, board=board.id, starred="true", cursor=found.next_cursor) == 2
    html = page.content.decode()
    assert f'href="/gallery/?{found.place}">Clear filters' in html
    assert "data-total" not in html
    # Without a filter the length of a board is known.
    unfiltered = browser_client.get("/gallery/", {"board": str(board.id)}).content.decode()
    assert f'data-total="{PAGE_SIZE + 2}"' in unfiltered


def test_boards_in_the_archive_are_shown_apart(browser_client: Client, user: User) -> None:
    shown, archived = (create_board(user=user, name=name) for name in ("Seas", "Old <things>"))
    edit_board(user=user, board_id=archived.id, is_archived=True)
    edit_board(user=user, board_id=shown.id, is_auto_add=True)

    with counted_queries() as queries:
        page = browser_client.get("/gallery/boards/", {"board": str(archived.id)})

    shelf = page.context["shelf"]
    assert len(queries) == SIGNED_IN_QUERIES - 2 + 2  # boards, counts
    assert [board.name for board in shelf.boards] == ["Seas"]
    assert [board.name for board in shelf.archived] == ["Old <things>"]
    assert shelf.board == archived
    assert "Old &lt;things&gt;" in page.content.decode()
    assert "New pictures go here" in page.content.decode()
