"""The pages of canvases: what they show, to whom, and with how many queries."""

import json
import re

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.canvas.models import CanvasDocument
from apps.canvas.services.documents import create_document, create_from_image
from apps.catalog.models import GenerationModel, ModelKind
from apps.core.tenancy import tenant_scope
from apps.dashboard.canvas_views import PAGE_SIZE
from apps.images.services.library import trash_images
from apps.plans.models import Subscription
from tests.catalog.factories import make_model
from tests.dashboard.test_pages import SIGNED_IN_QUERIES
from tests.factories import make_image
from tests.queries import counted_queries

LIST = "/canvas/"


def make_canvases(user: User, count: int) -> list[str]:
    """Make canvases, and return their ids as the list has them."""
    made = [create_document(user=user, width=64, height=64, name=f"c{n}") for n in range(count)]
    return [str(each.id) for each in reversed(made)]


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_every_canvas_is_on_some_page_once(
    browser_client: Client, user: User, stranger: User, headers: dict[str, str]
) -> None:
    ids = make_canvases(user, 2 * PAGE_SIZE + 1)
    make_canvases(stranger, 1)
    address, shown, pages = LIST, [], 0

    while address:
        html = browser_client.get(address, headers=headers).content.decode()
        shown += re.findall(r'data-canvas="([^"]+)"', html)
        found = re.search(r'class="button" href="([^"]+[?]after=[^"]+)"', html)
        address = found[1] if found else ""
        pages += 1

    assert (pages, shown) == (3, ids)


@pytest.mark.parametrize("after", ["x", "20270101T000000.0Z", "20270101T000000.0Z_x"])
def test_a_place_that_is_none_is_not_there(browser_client: Client, after: str) -> None:
    assert browser_client.get(LIST, {"after": after}).status_code == 404


@pytest.mark.parametrize("count", [1, PAGE_SIZE + 3])
def test_the_list_asks_twice(browser_client: Client, user: User, count: int) -> None:
    make_canvases(user, count)
    for _number in range(count):
        make_image(user)

    with counted_queries() as queries:
        browser_client.get(LIST)

    assert len(queries) == SIGNED_IN_QUERIES + 2  # canvases, pictures to begin with


def test_without_canvases_the_list_teaches(browser_client: Client) -> None:
    html = browser_client.get(LIST).content.decode()

    assert '<div class="empty" id="canvases-empty">' in html
    # There is nothing to begin with either.
    assert "new-canvas__pictures" not in html


def test_a_canvas_asks_three_times(
    browser_client: Client, user: User, starter: GenerationModel
) -> None:
    canvas = create_from_image(user=user, image_name=make_image(user).image_name)

    with counted_queries() as queries:
        answer = browser_client.get(f"{LIST}{canvas.id}/")

    # The canvas, the models, and what is included.
    assert len(queries) == SIGNED_IN_QUERIES + 3
    assert f'data-canvas="{canvas.id}"' in answer.content.decode()
    (model,) = answer.context["tools"].models
    assert (model["key"], model["size_multiple"]) == (starter.key, 8)
    assert "inpaint" in model["capabilities"]


def test_what_control_layers_can_go_to_is_offered(
    browser_client: Client, user: User, starter: GenerationModel
) -> None:
    net = make_model(user, kind=ModelKind.CONTROLNET, base=starter.base)
    make_model(user, kind=ModelKind.LORA, base=starter.base)
    canvas = create_document(user=user, width=64, height=64)

    tools = browser_client.get(f"{LIST}{canvas.id}/").context["tools"]

    # The one that comes with Easel, and one's own.
    assert [control["key"] for control in tools.controls] == ["starter-edges", net.key]
    assert tools.controls[1] == {
        "key": net.key,
        "name": net.name,
        "base": net.base,
        "kind": "controlnet",
    }


def test_a_strangers_canvas_is_not_there(
    browser_client: Client, stranger: User, user: User
) -> None:
    theirs = create_document(user=stranger, width=64, height=64)
    mine = create_document(user=user, width=64, height=64)
    CanvasDocument.objects.filter(id=mine.id).update(deleted_at=mine.created_at)

    for canvas in (theirs, mine):
        assert browser_client.get(f"{LIST}{canvas.id}/").status_code == 404
    assert str(theirs.id) not in browser_client.get(LIST).content.decode()


def test_a_new_canvas_is_made_by_the_page_and_not_by_its_address(
    browser_client: Client, user: User, stranger: User, starter: GenerationModel
) -> None:
    image, theirs, thrown = make_image(user), make_image(stranger), make_image(user)
    trash_images(user=user, names=[thrown.image_name])

    for query, begin in (
        ({"image": str(image.image_name)}, (str(image.image_name), 1024, 1024)),
        ({"width": "640", "height": "8192"}, ("", 640, 8192)),
        ({"width": "-1", "height": "９"}, ("", 1024, 1024)),
        ({"width": "006400000", "height": "9" * 5000}, ("", 1024, 1024)),
        ({}, ("", 1024, 1024)),
    ):
        answer = browser_client.get(f"{LIST}new/", query)
        assert tuple(answer.context["begin"].values()) == begin
    for name in (theirs.image_name, thrown.image_name, "x"):
        assert browser_client.get(f"{LIST}new/", {"image": str(name)}).status_code == 404

    assert not CanvasDocument.objects.filter(user=user).exists()


def test_on_no_plan_the_panel_says_why(
    browser_client: Client, user: User, starter: GenerationModel
) -> None:
    canvas = create_document(user=user, width=64, height=64)
    Subscription.objects.filter(user=user).delete()

    html = browser_client.get(f"{LIST}{canvas.id}/").content.decode()

    assert 'id="run-refusal" role="status">' in html
    assert re.search(r'id="run-go"[^>]* hidden>', html)


def test_in_korean_too(browser_client: Client, user: User, starter: GenerationModel) -> None:
    canvas = create_document(user=user, width=64, height=64, name="바다")

    for address, words in ((LIST, "첫 캔버스 시작하기"), (f"{LIST}{canvas.id}/", "모든 캔버스")):
        html = browser_client.get(address, headers={"Accept-Language": "ko"}).content.decode()
        assert words in html
        assert "바다" in html


def test_the_name_of_a_canvas_is_only_text(browser_client: Client, user: User) -> None:
    name = '"><script>alert(1)</script>'
    canvas = create_document(user=user, width=64, height=64, name=name)

    for address in (LIST, f"{LIST}{canvas.id}/"):
        html = browser_client.get(address).content.decode()
        assert "<script>alert" not in html
        assert json.dumps(name) not in html


def test_canvases_of_others_are_not_counted(user: User, stranger: User) -> None:
    make_canvases(stranger, 2)
    with tenant_scope(user.id):
        assert CanvasDocument.objects.count() == 0
