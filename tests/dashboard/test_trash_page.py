"""The trash page: every picture in it can be reached, taken back, and let go for good."""

import re
import uuid

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.canvas.models import CanvasDocument
from apps.canvas.services import documents
from apps.canvas.services.documents import create_document, trash_document
from apps.dashboard.trash_views import CANVASES_SHOWN, PAGE_SIZE
from apps.images.models import Image, StorageUse
from tests.dashboard.test_pages import SIGNED_IN_QUERIES, add_images
from tests.queries import counted_queries

URL = "/gallery/trash/"
ACT = "/gallery/trash/act/"


def throw_away(user: User, count: int) -> list[str]:
    """Put pictures into the trash, all at the same moment; the latest by id first."""
    images = add_images(user, count, deleted_at=timezone.now())
    return [str(image.image_name) for image in sorted(images, key=lambda one: one.id, reverse=True)]


def throw_canvas_away(user: User) -> CanvasDocument:
    canvas = create_document(user=user, width=64, height=64, name="the sea")
    trash_document(user=user, document_id=canvas.id)
    return canvas


def act(client: Client, what: str, *names: str) -> int:
    return client.post(ACT, {"act": what, "image": names}).status_code


def in_trash(user: User) -> set[str]:
    thrown = Image.objects.filter(user=user, deleted_at__isnull=False)
    return {str(name) for name in thrown.values_list("image_name", flat=True)}


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_every_picture_is_on_some_page_once(
    browser_client: Client, user: User, stranger: User, headers: dict[str, str]
) -> None:
    names = throw_away(user, 2 * PAGE_SIZE + 3)
    throw_away(stranger, 2)
    add_images(user, 1)
    address, shown, pages = URL, [], 0

    while address:
        html = browser_client.get(address, headers=headers).content.decode()
        shown += re.findall(r'name="image" value="([^"]+)"', html)
        found = re.search(r'class="button" href="([^"]+[?]after=[^"]+)"', html)
        address = found[1] if found else ""
        pages += 1

    assert (pages, shown) == (3, names)


@pytest.mark.parametrize("count", [1, PAGE_SIZE + 5])
def test_a_page_asks_three_times(browser_client: Client, user: User, count: int) -> None:
    throw_away(user, count)
    for _number in range(count):
        throw_canvas_away(user)

    with counted_queries() as queries:
        browser_client.get(URL)
    with counted_queries() as more_queries:
        browser_client.get(URL, headers={"HX-Request": "true"})

    assert len(queries) == SIGNED_IN_QUERIES + 3  # pictures, counts, canvases
    assert len(more_queries) == SIGNED_IN_QUERIES - 2 + 1  # no plan and no balance are shown


@pytest.mark.parametrize("after", ["x", "20261126T120000.000000Z_x", f"2026_{uuid.UUID(int=1)}"])
def test_a_page_that_is_none_is_not_there(browser_client: Client, user: User, after: str) -> None:
    assert browser_client.get(URL, {"after": after}).status_code == 404


def test_the_selected_are_restored_or_go_for_good(
    browser_client: Client, user: User, stranger: User
) -> None:
    back, gone, left = throw_away(user, 3)
    (theirs,) = throw_away(stranger, 1)

    assert act(browser_client, "restore", back, theirs) == 302
    assert act(browser_client, "purge", gone, back, theirs) == 302

    assert (in_trash(user), in_trash(stranger)) == ({left}, {theirs})
    assert Image.objects.get(user=user, deleted_at=None).image_name == uuid.UUID(back)
    assert StorageUse.objects.get(user=user).trash_count == 1


@pytest.mark.parametrize(("what", "kept"), [("restore-all", 5), ("empty", 1)])
def test_all_of_it_however_many_are_shown(
    browser_client: Client, user: User, stranger: User, what: str, kept: int
) -> None:
    throw_away(user, 4)
    add_images(user, 1)
    throw_away(stranger, 1)

    with counted_queries() as queries:
        assert act(browser_client, what) == 302

    assert len([sql for sql in queries if "images_image" in sql]) == 1
    assert (in_trash(user), len(in_trash(stranger))) == (set(), 1)
    use = StorageUse.objects.get(user=user)
    assert (use.image_count, use.trash_count) == (kept, 0)


@pytest.mark.parametrize(("what", "names"), [("", ()), ("other", ()), ("purge", ("x",))])
def test_what_is_not_understood_changes_nothing(
    browser_client: Client, user: User, what: str, names: tuple[str, ...]
) -> None:
    throw_away(user, 1)

    assert act(browser_client, what, *names) == 404
    assert act(browser_client, "purge") == 302
    assert len(in_trash(user)) == 1


def test_a_thrown_canvas_is_shown_and_restored(
    browser_client: Client, user: User, stranger: User
) -> None:
    canvas, theirs = throw_canvas_away(user), throw_canvas_away(stranger)

    html = browser_client.get(URL).content.decode()
    assert re.findall(r'name="canvas" value="([^"]+)"', html) == [str(canvas.id)]
    assert "Restore all pictures" not in html

    asked = {"act": "restore-canvas", "canvas": str(theirs.id)}
    assert browser_client.post(ACT, asked).status_code == 404
    assert browser_client.post(ACT, asked | {"canvas": "x"}).status_code == 404
    assert CanvasDocument.objects.filter(deleted_at=None).count() == 0

    assert browser_client.post(ACT, asked | {"canvas": str(canvas.id)}).status_code == 302
    assert CanvasDocument.objects.get(deleted_at=None).id == canvas.id
    assert "The trash is empty" in browser_client.get(URL).content.decode()


def test_a_canvas_too_many_stays_in_the_trash(
    browser_client: Client, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    canvas = throw_canvas_away(user)
    monkeypatch.setattr(documents, "MAX_DOCUMENTS", 0)

    answer = browser_client.post(ACT, {"act": "restore-canvas", "canvas": str(canvas.id)})

    assert answer.status_code == 409
    assert "You have as many canvases as there can be." in answer.content.decode()
    assert CanvasDocument.objects.filter(deleted_at=None).count() == 0


def test_an_emptied_trash_has_no_canvases(
    browser_client: Client, user: User, stranger: User
) -> None:
    for _number in range(CANVASES_SHOWN + 1):
        throw_canvas_away(user)
    theirs = throw_canvas_away(stranger)
    html = browser_client.get(URL).content.decode()
    assert html.count('name="canvas"') == CANVASES_SHOWN
    assert "Older ones show here" in html

    assert act(browser_client, "empty") == 302

    assert CanvasDocument.objects.get().id == theirs.id
