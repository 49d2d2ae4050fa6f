"""The editor of workflows by keyboard and clicks, with problems, versions, files, many nodes."""

import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.workflows.models import Workflow, WorkflowVersion
from apps.workflows.selectors import get_workflow
from apps.workflows.services.workflows import create_workflow, edit_workflow
from tests.browser.graph_hand import Graph, document
from tests.browser.studio import Studio
from tests.browser.test_axe import WINDOWS, serious

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

Shoot = Callable[[Page, str], Path]


@pytest.fixture
def postcard(transactional_user: User) -> Workflow:
    """Three nodes in a row, which can be run."""
    return create_workflow(user=transactional_user, document=document())


@pytest.fixture
def graph(studio: Studio, postcard: Workflow) -> Graph:
    opened = Graph(studio)
    opened.open(f"/workflows/{postcard.id}/")
    return opened


def test_the_keyboard_alone_builds_moves_and_links(studio: Studio) -> None:
    graph, page = Graph(studio), studio.page
    keys = page.keyboard
    graph.open("/workflows/new/")
    graph.stage.focus()
    keys.press("Space")
    keys.type("colour fill")
    keys.press("Enter")
    expect(graph.node("colour_fill_1")).to_be_focused()
    expect(graph.said()).to_have_text("Colour fill is added.")
    before = graph.middle(graph.node("colour_fill_1"))
    keys.press("ArrowRight")
    keys.press("Shift+ArrowDown")
    after = graph.middle(graph.node("colour_fill_1"))
    assert (after[0] - before[0], after[1] - before[1]) == (16, 64)

    # From a port to a node that fits it, which does not exist yet.
    graph.port("colour_fill_1.out.picture").focus()
    keys.press("Enter")
    expect(graph.said()).to_contain_text("Nothing here fits Picture of Colour fill.")
    keys.press("Space")
    keys.type("resize")
    keys.press("Enter")
    assert graph.linked() == ["resize_1.picture"]

    # From a port to one of those that fit.
    keys.press("Escape")
    keys.press("/")
    expect(page.locator("#palette-words")).to_be_focused()
    keys.type("blend pictures")
    keys.press("Enter")
    graph.port("resize_1.out.picture").focus()
    keys.press("Enter")
    expect(graph.said()).to_contain_text("2 ports fit")
    expect(graph.port("blend_1.in.first")).to_be_focused()
    keys.press("ArrowDown")
    keys.press("Enter")
    assert graph.linked() == ["blend_1.second", "resize_1.picture"]
    expect(graph.said()).to_have_text("Picture of Resize is linked with Second of Blend pictures.")
    expect(graph.port("blend_1.in.second")).to_have_attribute(
        "aria-label", "Input Second, Picture, linked to Picture of Resize"
    )

    # Escape leaves a link where it began; Delete takes one away.
    graph.port("colour_fill_1.out.picture").focus()
    keys.press("Enter")
    keys.press("Escape")
    expect(graph.port("colour_fill_1.out.picture")).to_be_focused()
    graph.port("blend_1.in.second").focus()
    keys.press("Delete")
    assert graph.linked() == ["resize_1.picture"]
    keys.press("Control+z")
    assert graph.linked() == ["blend_1.second", "resize_1.picture"]

    keys.press("Escape")
    keys.press("F2")
    page.get_by_role("dialog", name="Rename the node").get_by_label("Name").fill("Both")
    keys.press("Enter")
    expect(graph.node("blend_1")).to_be_focused()
    expect(graph.node("blend_1")).to_contain_text("Both")
    keys.press("c")
    expect(graph.node("blend_1").locator(".node__body")).to_be_hidden()
    keys.press("Delete")
    assert graph.ids() == ["colour_fill_1", "resize_1"]
    keys.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(sheet.get_by_text("Begin a link at a port, and end it")).to_be_visible()


def test_a_link_needs_no_dragging_and_can_be_laid_elsewhere(graph: Graph) -> None:
    page = graph.page
    graph.drag_from_palette("invert", graph.place(500, 480))
    # Two clicks link as well as one drag does.
    page.mouse.click(*graph.middle(graph.port("colour_fill_1.out.picture")))
    page.mouse.click(*graph.middle(graph.port("invert_1.in.picture")))
    assert graph.linked() == ["invert_1.picture", "resize_1.picture", "save_1.picture"]
    # Taken up at its end, and laid elsewhere.
    graph.link("save_1.in.picture", "invert_1.in.picture")
    assert graph.linked() == ["invert_1.picture", "resize_1.picture"]
    # From an input to an output.
    graph.link("save_1.in.picture", "invert_1.out.picture")
    assert graph.linked() == ["invert_1.picture", "resize_1.picture", "save_1.picture"]
    # Taken up and dropped on nothing, it is gone.
    graph.drag(graph.middle(graph.port("save_1.in.picture")), graph.place(820, 560))
    assert graph.linked() == ["invert_1.picture", "resize_1.picture"]
    # What would never end is refused, as is an output at an output.
    graph.link("invert_1.out.picture", "colour_fill_1.in.width")
    expect(page.locator("#graph-word")).to_contain_text("takes Whole number")
    graph.link("invert_1.out.picture", "resize_1.in.picture")
    expect(page.locator("#graph-word")).to_have_text(
        "That would make a circle, which could never end."
    )
    graph.link("invert_1.out.picture", "colour_fill_1.out.picture")
    expect(page.locator("#graph-word")).to_have_text("Two outputs cannot be linked.")
    assert graph.linked() == ["invert_1.picture", "resize_1.picture"]


def test_nodes_are_chosen_copied_and_deleted_together(graph: Graph) -> None:
    page, keys = graph.page, graph.page.keyboard
    graph.drag(graph.place(10, 10), graph.place(680, 600))
    chosen = page.locator("article.node[data-selected]")
    expect(chosen).to_have_count(2)
    page.mouse.click(*graph.middle(graph.node("save_1").locator(".node__title")))
    expect(chosen).to_have_count(1)
    page.keyboard.down("Shift")
    page.mouse.click(*graph.middle(graph.node("resize_1").locator(".node__title")))
    page.keyboard.up("Shift")
    expect(chosen).to_have_count(2)
    keys.press("Control+c")
    keys.press("Control+v")
    expect(graph.nodes).to_have_count(5)
    assert graph.linked() == ["resize_1.picture", "save_1.picture", "save_2.picture"]
    keys.press("Control+d")
    expect(graph.nodes).to_have_count(7)
    keys.press("Control+a")
    keys.press("Delete")
    expect(graph.nodes).to_have_count(0)
    keys.press("Control+z")
    expect(graph.nodes).to_have_count(7)


def test_problems_are_shown_at_their_nodes_and_lead_to_them(graph: Graph) -> None:
    page = graph.page
    wide = graph.node("resize_1").get_by_label("Width", exact=True)
    wide.fill("-5")
    problems = page.locator("#problems")
    expect(problems).to_contain_text("1 problem")
    expect(graph.node("resize_1")).to_have_attribute("data-wrong", "")
    expect(wide).to_have_attribute("aria-invalid", "true")
    page.locator("#run").click()
    expect(problems).to_have_attribute("open", "")
    graph.studio.excuse("422")
    problems.get_by_role("button", name="Resize · Width").click()
    expect(wide).to_be_focused()
    wide.fill("48")
    expect(problems).to_be_hidden()
    expect(page.locator("#quote")).to_have_attribute("data-state", "ready")

    # What is lacking is told without asking.
    graph.page.mouse.click(*graph.place(700, 650))
    graph.drag(graph.middle(graph.port("save_1.in.picture")), graph.place(820, 560))
    expect(graph.node("save_1")).to_contain_text("Picture: This needs a value or a link.")


def test_versions_are_seen_and_restored_and_a_conflict_is_told(
    graph: Graph, transactional_user: User, postcard: Workflow
) -> None:
    page = graph.page
    width = graph.node("colour_fill_1").get_by_label("Width", exact=True)
    width.fill("96")
    page.keyboard.press("Control+s")
    expect(graph.said()).to_have_text("Saved as version 2.")
    page.locator("#versions").click()
    dialog = page.get_by_role("dialog", name="Versions")
    dialog.get_by_role("button", name="Version 1: Look at it").click()
    expect(page.locator("#looking")).to_be_visible()
    expect(width).to_have_value("64")
    # It is looked at alone: no key changes it.
    graph.node("save_1").focus()
    page.keyboard.press("Delete")
    page.keyboard.press("Control+z")
    page.keyboard.press("Space")
    expect(graph.nodes).to_have_count(3)
    expect(width).to_have_value("64")
    page.get_by_role("button", name="Back to the present").click()
    expect(width).to_have_value("96")
    page.locator("#versions").click()
    dialog.get_by_role("button", name="Version 1: Restore").click()
    expect(width).to_have_value("64")
    assert get_workflow(user=transactional_user, workflow_id=postcard.id).version == 3

    edit_workflow(
        user=transactional_user, workflow_id=postcard.id, base_version=3, name="Elsewhere"
    )
    width.fill("80")
    page.locator("#save").click()
    expect(page.locator("#conflict")).to_be_visible()
    graph.studio.excuse("409")
    page.get_by_role("button", name="Keep mine").click()
    expect(page.locator("#save-state")).to_have_attribute("data-state", "saved")
    kept = WorkflowVersion.objects.filter(workflow=postcard.id).latest("number")
    assert kept.number == 5
    assert kept.document["nodes"][0]["inputs"]["width"] == 80


def test_leaving_with_changes_is_asked_about(graph: Graph) -> None:
    page = graph.page
    graph.node("colour_fill_1").get_by_label("Width", exact=True).fill("96")
    page.get_by_role("link", name="All workflows").click()
    graph.studio.answer("Stay")
    assert "/workflows/" in page.url
    expect(graph.nodes).to_have_count(3)


def test_a_field_is_asked_for_in_the_form_under_another_name(
    graph: Graph, transactional_user: User, postcard: Workflow
) -> None:
    page = graph.page
    row = graph.node("colour_fill_1").locator('[data-row="colour"]')
    row.hover()
    row.get_by_role("button", name="ask for it in the form").click()
    page.locator("#form-fields").click()
    dialog = page.get_by_role("dialog", name="Fields of the form")
    dialog.get_by_label("Name of the field of Colour fill").fill("Sky")
    page.keyboard.press("Tab")
    dialog.get_by_role("button", name="Close").click()
    page.locator("#save").click()
    expect(page.locator("#save-state")).to_have_attribute("data-state", "saved")
    kept: Any = get_workflow(user=transactional_user, workflow_id=postcard.id)
    assert kept.document["form"] == [{"node": "colour_fill_1", "input": "colour", "title": "Sky"}]


def test_a_file_is_exported_and_opened_again(graph: Graph, tmp_path: Path) -> None:
    page = graph.page
    with page.expect_download() as download:
        page.locator("#export").click()
    file = tmp_path / "postcard.json"
    download.value.save_as(file)
    exported = json.loads(file.read_text(encoding="utf-8"))
    assert [node["id"] for node in exported["nodes"]] == ["colour_fill_1", "resize_1", "save_1"]
    # As indented, a file may be larger than what is in it.
    file.write_text(json.dumps(exported, indent=2) + " " * 300_000, encoding="utf-8")
    page.keyboard.press("Control+a")
    graph.stage.focus()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    expect(graph.nodes).to_have_count(0)
    page.locator("#import-file").set_input_files(file)
    expect(graph.nodes).to_have_count(3)
    assert graph.linked() == ["resize_1.picture", "save_1.picture"]
    other = tmp_path / "other.json"
    other.write_text('{"nodes": 3}', encoding="utf-8")
    page.locator("#import-file").set_input_files(other)
    expect(page.get_by_role("alert")).to_contain_text("is no workflow of Easel")
    expect(graph.nodes).to_have_count(3)


def test_tidying_brings_nodes_into_order_without_overlap(graph: Graph) -> None:
    page = graph.page
    for key in ("colour_fill_1", "save_1"):
        start = graph.middle(graph.node(key).locator(".node__title"))
        graph.drag(start, graph.middle(graph.node("resize_1").locator(".node__title")))
    page.locator("#tidy").click()
    boxes = [graph.node(key).bounding_box() for key in ("colour_fill_1", "resize_1", "save_1")]
    for left, right in pairwise(boxes):
        assert left is not None
        assert right is not None
        assert left["x"] + left["width"] < right["x"]


def test_two_hundred_nodes_stay_usable(
    studio: Studio, transactional_user: User, shoot: Shoot
) -> None:
    kinds = ("colour_fill", "resize", "invert", "blur")
    nodes: list[tuple[str, str, dict[str, Any]]] = [
        (f"n_{index}", kinds[index % 4], {}) for index in range(199)
    ]
    links = [(f"n_{index - 1}.picture", f"n_{index}.picture") for index in range(199) if index % 4]
    made = document([*nodes, ("save_1", "save", {})], [*links, ("n_198.picture", "save_1.picture")])
    big = create_workflow(user=transactional_user, document=made)
    graph, page = Graph(studio), studio.page
    graph.open(f"/workflows/{big.id}/")
    expect(graph.nodes).to_have_count(200)
    expect(graph.links).to_have_count(150)
    shoot(page, "workflow-200")
    # Time in our own code alone: what a busy machine adds is not of the editor.
    spent = page.evaluate(_TIME_MOVES)
    assert median(spent["pan"]) < 8
    assert median(spent["move"]) < 8
    # A change draws what it is about, and no other node.
    touched = page.evaluate(_COUNT_TOUCHED)
    assert touched == ["n_40"]


# Milliseconds that each movement takes until the browser has only to paint.
_TIME_MOVES = """() => {
  const stage = document.querySelector("#graph");
  const { left, top } = stage.getBoundingClientRect();
  const timed = (act) => {
    const from = performance.now();
    act();
    return performance.now() - from;
  };
  const pan = Array.from({ length: 30 }, () => timed(() => stage.dispatchEvent(new WheelEvent(
    "wheel", { deltaX: 6, deltaY: 2, clientX: left + 300, clientY: top + 300, bubbles: true,
      cancelable: true }))));
  const head = document.querySelector("[data-node=n_40] .node__head");
  const at = head.getBoundingClientRect();
  const send = (type, by) => head.dispatchEvent(new PointerEvent(type, { pointerId: 5, button: 0,
    clientX: at.left + 30 + by, clientY: at.top + 8, bubbles: true, cancelable: true }));
  send("pointerdown", 0);
  const steps = Array.from({ length: 30 }, (_, index) => 6 + index);
  const move = steps.map((by) => timed(() => send("pointermove", by)));
  send("pointercancel", 0);
  return { pan, move };
}"""
_COUNT_TOUCHED = """async () => {
  const touched = new Set();
  const watch = new MutationObserver((list) => {
    for (const { target } of list) touched.add(target.closest?.(".node")?.dataset.node ?? "");
  });
  const nodes = document.querySelector("#graph-nodes");
  document.querySelector("[data-node=n_40]").focus();
  await new Promise((resolve) => setTimeout(resolve, 300));
  watch.observe(nodes, { subtree: true, childList: true, attributes: true, characterData: true });
  document.activeElement.dispatchEvent(new KeyboardEvent("keydown",
    { key: "ArrowRight", code: "ArrowRight", bubbles: true, cancelable: true }));
  await new Promise((resolve) => setTimeout(resolve, 100));
  watch.disconnect();
  return [...touched];
}"""


@pytest.mark.parametrize("window", WINDOWS)
def test_axe_finds_nothing_serious_in_the_editor(
    new_studio: Callable[..., Studio],
    transactional_user: User,
    postcard: Workflow,
    window: str,
    shoot: Shoot,
) -> None:
    studio = new_studio(user=transactional_user, **WINDOWS[window])
    graph = Graph(studio)
    graph.open(f"/workflows/{postcard.id}/")
    expect(studio.page.locator("#quote")).to_have_attribute("data-state", "ready")
    shoot(studio.page, f"workflow-editor-{window}")
    assert serious(studio.page) == []
    assert studio.overflow() == 0


def test_a_phone_shows_the_graph_and_leads_to_the_form(
    new_studio: Callable[..., Studio], transactional_user: User, postcard: Workflow
) -> None:
    studio = new_studio(user=transactional_user, **WINDOWS["phone"])
    graph, page = Graph(studio), studio.page
    graph.open(f"/workflows/{postcard.id}/")
    expect(page.locator("#palette")).to_be_hidden()
    expect(page.locator("#form-view")).to_have_attribute("href", f"/workflows/{postcard.id}/form/")
    before = graph.middle(graph.node("resize_1"))
    graph.drag(graph.middle(graph.node("resize_1").locator(".node__title")), graph.place(60, 300))
    after = graph.middle(graph.node("colour_fill_1"))
    assert after != before
    assert not page.evaluate("() => document.querySelector('#undo').disabled === false")


def test_the_editor_speaks_korean_in_the_dark(
    new_studio: Callable[..., Studio], transactional_user: User, postcard: Workflow, shoot: Shoot
) -> None:
    studio = new_studio(user=transactional_user, locale="ko-KR", color_scheme="dark")
    graph, page = Graph(studio), studio.page
    graph.open(f"/workflows/{postcard.id}/")
    expect(page.get_by_role("button", name="실행", exact=True)).to_be_visible()
    expect(graph.port("resize_1.in.picture")).to_have_attribute(
        "aria-label", re.compile("^입력 .+에 연결됨$")
    )
    shoot(page, "workflow-editor-dark-ko")
    assert serious(page) == []
