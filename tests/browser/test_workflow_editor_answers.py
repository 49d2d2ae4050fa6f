"""The editor of workflows where answers are late, refuse, or are about what was before."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from apps.accounts.models import User
from apps.workflows.models import Workflow
from apps.workflows.services.workflows import create_workflow, edit_workflow
from tests.browser.graph_hand import NODES, Graph, document
from tests.browser.studio import Studio

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


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
