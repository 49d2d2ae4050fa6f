"""A workflow is built by mouse, refuses what does not fit, goes back and forth, and is saved."""

import pytest
from playwright.sync_api import expect

from apps.accounts.models import User
from apps.workflows.models import Workflow
from tests.browser.graph_hand import Graph
from tests.browser.studio import Studio

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_workflow_is_built_by_mouse_and_is_there_after_a_reload(
    studio: Studio, transactional_user: User
) -> None:
    graph, page = Graph(studio), studio.page
    graph.open("/workflows/new/")
    expect(page.get_by_role("heading", name="An empty workflow")).to_be_visible()

    graph.drag_from_palette("colour_fill", graph.place(180, 80))
    graph.drag_from_palette("mask_shape", graph.place(180, 340))
    graph.drag_from_palette("resize", graph.place(520, 80))
    assert graph.ids() == ["colour_fill_1", "mask_shape_1", "resize_1"]

    # What fits lights up, what does not says why.
    graph.link("colour_fill_1.out.picture", "resize_1.in.picture", drops=False)
    expect(graph.port("resize_1.in.picture")).to_have_attribute("data-fit", "")
    expect(graph.port("resize_1.in.width")).not_to_have_attribute("data-fit", "")
    page.mouse.up()
    assert graph.linked() == ["resize_1.picture"]
    graph.link("mask_shape_1.out.mask", "resize_1.in.picture")
    expect(page.locator("#graph-word")).to_have_text("“Picture” takes Picture, and this is Mask.")
    assert graph.linked() == ["resize_1.picture"]

    # A link that is dropped on nothing offers what fits it.
    graph.drag(graph.middle(graph.port("resize_1.out.picture")), graph.place(700, 120))
    finder = page.get_by_role("dialog", name="Add a node")
    finder.get_by_role("combobox").fill("save")
    expect(finder.get_by_role("option")).to_have_count(2)
    page.keyboard.press("Enter")
    assert graph.linked() == ["resize_1.picture", "save_1.picture"]

    # Typing is one step, a move another.
    width = graph.node("colour_fill_1").get_by_label("Width", exact=True)
    width.fill("96")
    width.fill("128")
    before = graph.middle(graph.node("mask_shape_1"))
    head = graph.node("mask_shape_1").locator(".node__title")
    start = graph.middle(head)
    graph.drag(start, (start[0] + 64, start[1] + 32))
    moved = graph.middle(graph.node("mask_shape_1"))
    assert (moved[0] - before[0], moved[1] - before[1]) == (64, 32)
    page.locator("#undo").click()
    assert graph.middle(graph.node("mask_shape_1")) == before
    page.locator("#undo").click()
    expect(width).to_have_value("512")
    page.locator("#redo").click()
    expect(width).to_have_value("128")

    page.get_by_label("Name of the workflow").fill("Blue")
    page.locator("#save").click()
    expect(page.locator("#save-text")).to_have_text("Saved")
    kept = Workflow.objects.get(user=transactional_user)
    assert page.url.endswith(f"/workflows/{kept.id}/")
    graph.open(f"/workflows/{kept.id}/")
    assert graph.ids() == ["colour_fill_1", "mask_shape_1", "resize_1", "save_1"]
    assert graph.linked() == ["resize_1.picture", "save_1.picture"]
    expect(width).to_have_value("128")
    expect(page.get_by_label("Name of the workflow")).to_have_value("Blue")
    expect(page.locator("#quote-text")).to_contain_text("credit")
