"""The editor of workflows where answers are late, refuse, or are about what was before."""

import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from playwright.sync_api import Page, Route, expect

from apps.accounts.models import User
from apps.workflows.models import Workflow
from apps.workflows.services.workflows import create_workflow, edit_workflow
from tests.browser.graph_hand import NODES, Graph, document
from tests.browser.studio import Studio

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

QUOTE: Final = "**/api/v1/workflows/quote"
RUN: Final = "0193f0a4-7c1e-7c2b-9d4e-5a6b7c8d9e0f"
# Longer than the editor waits before it asks for a price.
PAUSE_MS: Final = 700


@pytest.fixture
def postcard(transactional_user: User) -> Workflow:
    """Three nodes in a row, which can be run; its first version was another one."""
    workflow = create_workflow(user=transactional_user, document=document())
    wider = [(key, kind, inputs | {"width": 80} if inputs else {}) for key, kind, inputs in NODES]
    return edit_workflow(
        user=transactional_user,
        workflow_id=workflow.id,
        base_version=1,
        document=document(wider),
    )


@pytest.fixture
def graph(studio: Studio, postcard: Workflow) -> Graph:
    opened = Graph(studio)
    opened.open(f"/workflows/{postcard.id}/")
    expect(studio.page.locator("#quote")).to_have_attribute("data-state", "ready")
    return opened


def answer(route: Route, status: int, body: dict[str, Any]) -> None:
    route.fulfill(status=status, content_type="application/json", body=json.dumps(body))


def refusal(code: str, detail: str, **others: str) -> dict[str, Any]:
    return {"code": code, "detail": detail, "error_id": "0123456789abcdef", **others}


def quote(credits: int) -> dict[str, Any]:
    return {"credits": credits, "seconds": 1, "available": 900, "token": "t", "nodes": {}}


def hold(page: Page, address: str, method: str) -> list[Route]:
    """Return the requests of `method` to `address`, which wait until they are continued."""
    held: list[Route] = []
    page.route(
        address,
        lambda route: held.append(route) if route.request.method == method else route.continue_(),
    )
    return held


def wait_for(page: Page, is_there: Callable[[], object]) -> None:
    for _turn in range(200):
        if is_there():
            return
        page.wait_for_timeout(50)
    raise AssertionError("It has not happened.")


def test_what_is_not_saved_outlasts_saves_and_versions(graph: Graph, postcard: Workflow) -> None:
    page, state = graph.page, graph.page.locator("#save-state")
    width = graph.node("colour_fill_1").get_by_label("Width", exact=True)
    saves = hold(page, f"**/api/v1/workflows/{postcard.id}", "PATCH")
    width.fill("96")
    page.keyboard.press("Control+s")
    wait_for(page, lambda: saves)
    width.fill("128")
    saves[0].continue_()
    expect(graph.said()).to_have_text("Saved as version 3.")
    expect(state).to_have_attribute("data-state", "unsaved")

    page.locator("#versions").click()
    dialog = page.get_by_role("dialog", name="Versions")
    dialog.get_by_role("button", name="Version 1: Restore").click()
    expect(width).to_have_value("64")
    expect(state).to_have_attribute("data-state", "saved")
    page.locator("#undo").click()
    expect(width).to_have_value("128")
    expect(state).to_have_attribute("data-state", "unsaved")


def test_a_run_is_of_what_is_shown_at_a_price_that_holds(graph: Graph, postcard: Workflow) -> None:
    page = graph.page
    job: dict[str, Any] = {"id": RUN, "kind": "workflow", "state": "running", "attempt": 1}
    job |= {"images": [], "queue": None, "error": None, "cancel_requested": False}
    nodes = {"resize_1": {"state": "running", "seconds": None, "fraction": 0.4, "preview": None}}
    told = {"generation": job | {"state": "cancelled"}, "document": document(), "nodes": nodes}
    asked: list[Any] = []

    def start(route: Route) -> None:
        asked.append(route.request.post_data_json)
        if len(asked) in {1, 4, 5}:
            answer(route, 409, refusal("quote_expired", "This quote does not hold any more."))
        else:
            answer(route, 201, job)

    page.route("**/api/v1/workflows/runs", start)
    page.route(f"**/api/v1/workflows/runs/{RUN}", lambda route: answer(route, 200, told))
    page.locator("#run").click()
    expect(page.locator("#run-state")).to_have_text("Cancelled")
    assert [(one["workflow"], one["version"]) for one in asked] == [(str(postcard.id), 2)] * 2
    assert all("quote" in one for one in asked)
    graph.studio.excuse("409")

    # Where the run has ended nothing is under way, also after the node was moved.
    graph.node("resize_1").focus()
    page.keyboard.press("ArrowDown")
    expect(graph.node("resize_1")).to_have_attribute("data-state", "idle")
    expect(page.locator(".minimap [data-state=running]")).to_have_count(0)
    page.locator("#undo").click()

    page.locator("#versions").click()
    with page.expect_response(QUOTE):
        page.get_by_role("button", name="Version 1: Look at it").click()
    expect(page.locator("#looking")).to_be_visible()
    expect(page.locator("#quote")).to_have_attribute("data-state", "ready")
    page.locator("#run").click()
    wait_for(page, lambda: len(asked) == 3)
    assert asked[2]["document"]["nodes"][0]["inputs"]["width"] == 64
    with page.expect_response(QUOTE):
        page.get_by_role("button", name="Back to the present").click()

    # A higher price is looked at first.
    expect(page.locator("#quote")).to_have_attribute("data-state", "ready")
    page.route(QUOTE, lambda route: answer(route, 200, quote(777)))
    page.locator("#run").click()
    expect(page.locator("#quote-text")).to_have_text("≈ 777 credits")
    expect(page.get_by_text("There is a new price.")).to_be_visible()
    assert len(asked) == 4
    graph.studio.excuse("409")

    # So is that of what was changed a moment ago: Run waits for it.
    questions = hold(page, QUOTE, "POST")
    graph.node("resize_1").get_by_label("Width", exact=True).fill("96")
    page.locator("#run").click()
    expect(page.locator("#cancel")).to_be_visible()
    page.route(QUOTE, lambda route: answer(route, 200, quote(778)))
    for question in questions:
        answer(question, 200, quote(778))
    expect(page.locator("#quote-text")).to_have_text("≈ 778 credits")
    expect(page.locator("#run")).to_be_visible()
    assert len(asked) == 4

    # That nobody knows the price is no new price.
    page.route(QUOTE, lambda route: answer(route, 503, refusal("unavailable", "Later.")))
    page.locator("#run").click()
    expect(page.get_by_text("No price just now")).to_be_visible()
    assert len(asked) == 5
    graph.studio.excuse("409")
    graph.studio.excuse("503")


def test_the_price_and_the_problems_are_of_what_is_shown(graph: Graph) -> None:
    page = graph.page
    width = graph.node("resize_1").get_by_label("Width", exact=True)
    text, problems = page.locator("#quote-text"), page.locator("#problems")
    before = text.inner_text()

    # It is taken back before its price is known.
    questions = hold(page, QUOTE, "POST")
    width.fill("96")
    wait_for(page, lambda: questions)
    width.fill("80")
    page.wait_for_timeout(PAUSE_MS)
    answer(questions[0], 200, quote(777))
    page.wait_for_timeout(100)
    expect(page.locator("#quote")).to_have_attribute("data-state", "ready")
    expect(text).to_have_text(before)
    assert len(questions) == 1
    page.unroute(QUOTE)

    width.fill("-5")
    expect(problems).to_contain_text("1 problem")
    words = "Your plan does not include this."
    plan = refusal("feature_not_in_plan", words, node="save_1")
    page.route(QUOTE, lambda route: answer(route, 403, plan))
    width.fill("48")
    expect(problems).to_contain_text(words)
    expect(graph.node("save_1")).to_have_attribute("data-wrong", "")
    expect(graph.node("resize_1")).not_to_have_attribute("data-wrong", "")
    graph.studio.excuse("422")
    graph.studio.excuse("403")

    # What the plan forbids it may allow meanwhile.
    page.unroute(QUOTE)
    page.locator("#run").click()
    expect(problems).to_be_hidden()
    expect(page.locator("#quote")).to_have_attribute("data-state", "ready")

    # What a node loads may be back.
    words = "This picture is in the trash."
    gone = refusal("invalid", words) | {"fields": {"document.nodes.save_1.picture": [words]}}
    page.route(QUOTE, lambda route: answer(route, 422, gone))
    width.fill("49")
    expect(problems).to_contain_text(words)
    graph.studio.excuse("422")
    page.unroute(QUOTE)
    page.locator("#run").click()
    expect(problems).to_be_hidden()
    expect(page.locator("#quote")).to_have_attribute("data-state", "ready")


def test_what_is_begun_by_chance_takes_nothing_from_fields(graph: Graph) -> None:
    page, keys = graph.page, graph.page.keyboard
    width = graph.node("resize_1").get_by_label("Width", exact=True)
    # A click on a port began a link, and then somebody writes.
    page.mouse.click(*graph.middle(graph.port("colour_fill_1.out.picture")))
    expect(graph.stage).to_have_attribute("data-linking", "out")
    page.mouse.click(*graph.middle(width))
    expect(graph.stage).not_to_have_attribute("data-linking", "out")
    page.mouse.click(*graph.middle(graph.port("colour_fill_1.out.picture")))
    width.focus()
    keys.press("Control+a")
    keys.type("96")
    expect(width).to_have_value("96")
    assert graph.linked() == ["resize_1.picture", "save_1.picture"]

    # In the search of the palette a step back is one of its words.
    keys.press("Escape")
    keys.press("/")
    keys.type("blend")
    keys.press("Control+z")
    expect(width).to_have_value("96")

    # The button went up outside of the graph.
    page.mouse.move(*graph.place(3, 620))
    page.mouse.down()
    page.mouse.move(*graph.place(-60, 620))
    page.mouse.up()
    page.mouse.move(*graph.place(300, 400), steps=3)
    expect(page.locator("#graph-band")).to_be_hidden()
    assert graph.stage.get_attribute("data-held") is None

    many = document([(f"n_{index}", "invert", {}) for index in range(201)], [])
    content = json.dumps(many).encode()
    page.locator("#import-file").set_input_files(
        {"name": "many.json", "mimeType": "application/json", "buffer": content}
    )
    expect(page.get_by_role("alert")).to_contain_text("A workflow can have 200 nodes.")
    expect(graph.nodes).to_have_count(3)
