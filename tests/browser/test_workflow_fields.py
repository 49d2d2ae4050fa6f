"""Fields of a workflow, in its graph and in its form: writing, choosing, and what is not there."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.generation.provided import enter_models_of_providers
from apps.workflows.models import Workflow
from apps.workflows.services.workflows import create_workflow
from tests.browser.graph_hand import Graph, document
from tests.browser.studio import PHONE, Studio

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

Shoot = Callable[[Page, str], Path]

GENERATE = document(
    [("model_1", "model", {}), ("prompt_1", "prompt", {}), ("generate_1", "generate", {})],
    [("model_1.model", "generate_1.model"), ("prompt_1.prompt", "generate_1.prompt")],
)


@pytest.fixture
def graph(studio: Studio, transactional_user: User) -> Graph:
    """A graph with the three nodes that make a picture."""
    workflow = create_workflow(user=transactional_user, document=GENERATE)
    opened = Graph(studio)
    opened.open(f"/workflows/{workflow.id}/")
    return opened


def form_of_board(user: User) -> Workflow:
    """Return a workflow whose form asks for a prompt and a board."""
    made = document(
        [
            ("colour_fill_1", "colour_fill", {"width": 64, "height": 64}),
            ("save_1", "save_to_board", {}),
        ],
        [("colour_fill_1.picture", "save_1.picture")],
    )
    asked = {"node": "save_1", "input": "board", "title": "Board"}
    return create_workflow(user=user, document={**made, "form": [asked]})


def test_keys_in_a_text_are_those_of_the_text(graph: Graph) -> None:
    page, keys = graph.page, graph.page.keyboard
    words = graph.node("prompt_1").locator("textarea").first
    words.fill("an old harbour")
    keys.press("Control+a")
    assert page.evaluate("() => getSelection().toString()") == "an old harbour"
    expect(page.locator("article.node[data-selected]")).to_have_count(1)
    keys.press("Control+d")
    expect(graph.nodes).to_have_count(3)

    graph.node("prompt_1").focus()
    keys.press("Control+a")
    expect(page.locator("article.node[data-selected]")).to_have_count(3)
    keys.press("Control+d")
    expect(graph.nodes).to_have_count(6)


def test_a_quick_drag_from_the_palette_arrives(graph: Graph) -> None:
    page, mouse = graph.page, graph.page.mouse
    button = page.locator('#palette [data-type="text"]')
    button.scroll_into_view_if_needed()
    mouse.move(*graph.middle(button))
    mouse.down()
    # One move, and it is far beyond the list.
    mouse.move(*graph.place(300, 60))
    mouse.up()
    expect(graph.node("text_1")).to_be_visible()
    button.click()
    expect(graph.node("text_2")).to_be_visible()


def test_an_empty_number_says_where_its_value_comes_from(graph: Graph, shoot: Shoot) -> None:
    page, node = graph.page, graph.node("generate_1")
    for name in ("Steps", "Guidance scale"):
        expect(node.get_by_role("spinbutton", name=name)).to_have_attribute(
            "placeholder", "The model's own"
        )
    seed = node.get_by_role("spinbutton", name="Seed")
    expect(seed).to_have_attribute("placeholder", "New each time")
    shoot(page, "workflow-fields")
    dice = node.get_by_role("button", name="Random seed")
    dice.click()
    first = seed.input_value()
    assert re.fullmatch(r"\d+", first)
    dice.click()
    assert re.fullmatch(r"\d+", seed.input_value())
    assert seed.input_value() != first


def test_only_models_that_a_workflow_can_use_are_offered(graph: Graph) -> None:
    enter_models_of_providers()
    graph.open(graph.page.url)
    offered = graph.node("model_1").locator("option")
    expect(offered.filter(has_text="Starter")).to_have_count(1)
    expect(offered.filter(has_text="GPT Image")).to_have_count(0)


def assert_nothing_covers_nodes(graph: Graph) -> None:
    floating = [graph.page.locator(part).bounding_box() for part in ("#graph-view", "#minimap")]
    lowest = min(box["y"] for box in floating if box is not None)
    for node in graph.nodes.all():
        box = node.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < lowest


def test_all_nodes_fit_beside_what_floats_over_them(graph: Graph) -> None:
    page = graph.page
    assert_nothing_covers_nodes(graph)
    for kind in ("text", "number", "seed", "resize"):
        page.locator(f'#palette [data-type="{kind}"]').click()
    page.locator("#tidy").click()
    page.locator("#fit").click()
    assert_nothing_covers_nodes(graph)


def test_a_star_is_seen_before_anything_hovers(
    graph: Graph, new_studio: Callable[..., Studio], transactional_user: User
) -> None:
    opacity = "star => getComputedStyle(star).opacity"
    star = graph.node("prompt_1").locator(".node__star").first
    assert float(star.evaluate(opacity)) >= 0.4
    size = {"width": 820, "height": 1180}
    hand = new_studio(user=transactional_user, viewport=size, has_touch=True, is_mobile=True)
    touched = Graph(hand)
    touched.open(graph.page.url)
    star = touched.node("prompt_1").locator(".node__star").first
    assert float(star.evaluate(opacity)) == 1


@pytest.mark.parametrize("width", [390, 820])
def test_price_and_run_stay_side_by_side(
    new_studio: Callable[..., Studio], transactional_user: User, width: int, shoot: Shoot
) -> None:
    workflow = create_workflow(user=transactional_user, document=GENERATE)
    studio = new_studio(user=transactional_user, viewport={"width": width, "height": 1000})
    graph, page = Graph(studio), studio.page
    graph.open(f"/workflows/{workflow.id}/")
    page.locator("#form-view").evaluate("link => { link.hidden = true; }")
    quote, run = (graph.middle(page.locator(part)) for part in ("#quote", "#run"))
    assert abs(quote[1] - run[1]) < 2
    box = page.locator("#run").bounding_box()
    assert box is not None
    assert width - (box["x"] + box["width"]) < 16
    assert studio.overflow() == 0
    shoot(page, f"workflow-bar-{width}")


def test_keys_are_listed_in_one_line_each(graph: Graph, shoot: Shoot) -> None:
    graph.page.keyboard.press("?")
    sheet = graph.page.get_by_role("dialog", name="Keyboard shortcuts")
    row = sheet.locator(".shortcuts__row").filter(has_text="Move the node")
    expect(row.locator("kbd")).to_have_text(["←", "→", "↑", "↓"])
    label = sheet.get_by_text("Search the nodes").bounding_box()
    assert label is not None
    shoot(graph.page, "workflow-keys")
    assert label["height"] < 44


def test_a_phone_says_that_it_only_shows(
    new_studio: Callable[..., Studio], transactional_user: User, shoot: Shoot
) -> None:
    workflow = create_workflow(user=transactional_user, document=GENERATE)
    studio = new_studio(user=transactional_user, viewport=PHONE, has_touch=True)
    graph, page = Graph(studio), studio.page
    told = page.get_by_text("On a phone you can look and run.")
    graph.open(f"/workflows/{workflow.id}/")
    expect(told).to_be_visible()
    expect(page.locator("#run")).to_be_visible()
    shoot(page, "workflow-phone")
    graph.open("/workflows/new/")
    expect(told).to_be_visible()
    expect(page.get_by_text("Nodes are added on a larger screen.")).to_be_visible()
    expect(page.get_by_text("Double-click anywhere")).to_be_hidden()
    expect(page.locator("#run")).to_be_hidden()
    shoot(page, "workflow-phone-new")
    told.get_by_role("link", name="All workflows").click()
    studio.settle()
    expect(page.locator("#new-workflow")).to_be_hidden()
    assert studio.overflow() == 0


def test_a_form_without_a_board_to_choose_says_how_to_make_one(
    studio: Studio, transactional_user: User, shoot: Shoot
) -> None:
    workflow = form_of_board(transactional_user)
    page = studio.page
    studio.open(f"/workflows/{workflow.id}/form/")
    expect(page.get_by_text("You have no board yet.")).to_be_visible()
    page.get_by_role("button", name="Run", exact=True).click()
    field = page.locator('[data-input="board"]')
    expect(field.locator(".field__error")).to_have_text("Choose one.")
    shoot(page, "workflow-form-board")
    studio.excuse("422")
    page.get_by_role("link", name="Make one").click()
    expect(page).to_have_url(re.compile("/boards/$"))


def test_a_shipped_workflow_leads_to_its_graph(studio: Studio, shoot: Shoot) -> None:
    page = studio.page
    studio.open("/workflows/")
    page.get_by_role(
        "link", name="Open the graph of “Large in two passes”"
    ).scroll_into_view_if_needed()
    shoot(page, "workflow-cards")
    page.get_by_role("link", name="Open the graph of “Text to picture”").click()
    expect(page.locator("#workflow-editor")).to_have_attribute("data-state", "ready")
