"""A workflow of eight nodes: built, run, kept, taken elsewhere, and used as a form on a phone."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page, Route, ViewportSize, expect

from apps.accounts.models import User
from apps.generation.models import Job, JobKind, JobState
from apps.images.models import Image
from apps.workflows.models import Workflow
from apps.workflows.services.workflows import create_workflow
from tests.browser.graph_hand import Graph
from tests.browser.graph_keys import Keys
from tests.browser.studio import MADE_WITHIN_MS, PHONE, Studio
from tests.workflows.documents import document, node

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("worker")]

Shoot = Callable[[Page, str], Path]

LARGE: Final[ViewportSize] = {"width": 1600, "height": 1000}
# By their types, in the order in which they are added.
NODES: Final[Sequence[str]] = (
    *("model", "prompt", "seed", "denoise"),
    *("decode", "adjust", "sharpen", "save"),
)
LINKS: Final[Sequence[tuple[str, str]]] = (
    ("model_1.out.model", "denoise_1.in.model"),
    ("prompt_1.out.prompt", "denoise_1.in.prompt"),
    ("seed_1.out.seed", "denoise_1.in.seed"),
    ("denoise_1.out.latents", "decode_1.in.latents"),
    ("model_1.out.model", "decode_1.in.model"),
    ("decode_1.out.picture", "adjust_1.in.picture"),
    ("adjust_1.out.picture", "sharpen_1.in.picture"),
    ("sharpen_1.out.picture", "save_1.in.picture"),
)
PLACES = (
    *((200, 40), (200, 240), (200, 560), (620, 40)),
    *((1060, 40), (1060, 220), (1060, 520), (1060, 720)),
)
# What the engine works on; the rest is known as soon as the graph is checked.
WORKED = {"denoise_1", "decode_1", "adjust_1", "sharpen_1", "save_1"}


@pytest.fixture
def large(new_studio: Callable[..., Studio], transactional_user: User) -> Studio:
    """A window in which eight nodes have room."""
    return new_studio(user=transactional_user, viewport=LARGE)


def pardon(studio: Studio) -> None:
    """Forget refusals of a price: while a graph is built there may be none."""
    studio.complaints = [text for text in studio.complaints if "/workflows/quote" not in text]


@pytest.mark.slow
def test_eight_nodes_are_built_by_mouse_run_kept_and_taken_elsewhere(
    large: Studio, transactional_user: User, shoot: Shoot
) -> None:
    page = large.page
    large.open("/workflows/new/")
    graph = Graph(large)
    for kind, (x, y) in zip(NODES, PLACES, strict=True):
        graph.drag_from_palette(kind, graph.place(x, y))
    expect(graph.nodes).to_have_count(8)
    page.locator("#tidy").click()
    page.locator("#fit").click()
    for source, target in LINKS:
        graph.link(source, target)
    page.locator("#tidy").click()
    page.locator("#fit").click()
    graph.field("model_1", "key").select_option("starter")
    for place, value in (
        (("prompt_1", "text"), "a red circle"),
        (("seed_1", "seed"), "7"),
        (("denoise_1", "steps"), "6"),
        (("denoise_1", "width"), "64"),
        (("denoise_1", "height"), "64"),
    ):
        graph.field(*place).fill(value)
    expect(page.locator("#problems")).to_be_hidden()
    expect(page.locator("#quote")).to_have_attribute("data-state", "ready")
    shoot(page, "workflow-built")
    pardon(large)

    graph.record_states()
    page.locator("#run").click()
    graph.wait_for_end()
    shoot(page, "workflow-run")
    seen = graph.seen_states()
    assert {name for name in seen if seen[name][-2:] == ["running", "done"]} >= WORKED
    assert not {state for states in seen.values() for state in states} & {"failed", "cached"}
    job = Job.objects.get()
    assert (job.kind, job.state) == (JobKind.WORKFLOW, JobState.SUCCEEDED)
    image = Image.objects.get()
    expect(page.locator("#run-pictures a")).to_have_attribute(
        "href", f"/gallery/{image.image_name}/"
    )
    assert graph.linked_pairs() == set(LINKS)

    page.locator("#workflow-name").fill("Red circle")
    graph.save()
    page.wait_for_url("**/workflows/*-*/**")
    kept = Workflow.objects.get(user=transactional_user)
    assert (kept.name, kept.node_count) == ("Red circle", 8)
    page.reload()
    large.settle()
    expect(graph.nodes).to_have_count(8)
    # The address names the run: its states and its picture are there again.
    expect(graph.node("decode_1")).to_have_attribute("data-state", "done")
    expect(page.locator("#run-pictures a")).to_have_count(1)
    exported = graph.exported()

    large.open("/workflows/new/")
    page.locator("#import-file").set_input_files(
        {
            "name": "circle.json",
            "mimeType": "application/json",
            "buffer": json.dumps(exported).encode(),
        }
    )
    expect(graph.nodes).to_have_count(8)
    assert graph.exported() == exported

    large.open(f"/gallery/{image.image_name}/")
    page.get_by_role("link", name="Open its workflow").click()
    expect(graph.nodes).to_have_count(8)
    expect(graph.field("prompt_1", "text")).to_have_value("a red circle")


@pytest.mark.slow
def test_eight_nodes_are_built_run_and_kept_by_the_keyboard_alone(
    large: Studio, transactional_user: User, shoot: Shoot
) -> None:
    page = large.page
    large.open("/workflows/new/")
    graph = Keys(large)
    page.locator("#graph").focus()
    titles = ("model", "prompt", "seed", "denoise", "decode", "adjust", "sharpen", "save")
    for title, kind in zip(titles, NODES, strict=True):
        graph.add(title, kind)
    expect(graph.nodes).to_have_count(8)
    for source, target in LINKS:
        graph.join(source, target)
    graph.press("Escape", "Escape", "l")
    graph.go_to_field("model_1", "key")
    page.keyboard.type("Easel")
    graph.go_to_field("prompt_1", "text")
    page.keyboard.type("a blue star")
    for name, value in (("width", "64"), ("height", "64"), ("steps", "6")):
        graph.go_to_field("denoise_1", name)
        graph.press("Control+a")
        page.keyboard.type(value)
    expect(page.locator("#quote")).to_have_attribute("data-state", "ready")
    pardon(large)

    graph.press("Control+s")
    expect(page.locator("#save-state")).to_have_attribute("data-state", "saved")
    page.wait_for_url("**/workflows/*-*/**")
    kept = Workflow.objects.get(user=transactional_user)
    assert kept.node_count == 8
    graph.record_states()
    graph.press("Control+Enter")
    graph.wait_for_end()
    shoot(page, "workflow-by-keys")
    seen = graph.seen_states()
    assert {name for name in seen if seen[name][-2:] == ["running", "done"]} >= WORKED
    job = Job.objects.get()
    assert job.work is not None
    assert (job.work["workflow"], job.work["version"]) == (str(kept.id), 1)
    assert graph.linked_pairs() == set(LINKS)
    assert Image.objects.count() == 1


def test_a_workflow_is_filled_in_and_run_on_a_phone(
    new_studio: Callable[..., Studio], transactional_user: User, shoot: Shoot
) -> None:
    workflow = create_workflow(user=transactional_user, document=circle())
    studio = new_studio(user=transactional_user, viewport=PHONE, has_touch=True, locale="ko-KR")
    page = studio.page
    studio.open(f"/workflows/{workflow.id}/form/")
    expect(page.locator("fieldset")).to_have_count(2)
    words = page.get_by_label("무엇을 그릴까요")
    expect(words).to_have_value("a red circle")
    expect(page.locator("#quote")).to_have_attribute("data-state", "ready")
    assert studio.overflow() == 0
    shoot(page, "workflow-form-hand")

    page.get_by_label("Steps").or_(page.get_by_label("스텝")).fill("0")
    page.get_by_role("button", name="실행").tap()
    wrong = page.locator('[data-input="steps"] input')
    expect(wrong).to_be_focused()
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(page.locator('[data-input="steps"] .field__error')).not_to_be_empty()
    assert not Job.objects.exists()
    wrong.fill("4")
    words.fill("a blue circle")
    expect(page.locator("#quote")).to_have_attribute("data-state", "ready")
    page.get_by_role("button", name="실행").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".result")).to_have_count(1, timeout=MADE_WITHIN_MS)
    studio.excuse("422")
    # Where Run was, Stop had the focus, and Run has it again.
    expect(page.locator("#run")).to_be_focused()
    expect(page.locator("#run-status")).to_have_attribute("data-state", "succeeded")
    expect(page.locator('.step[data-state="done"]')).to_have_count(5)
    job, image = Job.objects.get(), Image.objects.get()
    assert job.work is not None
    asked = {one["id"]: one["inputs"] for one in job.work["document"]["nodes"]}
    assert (asked["prompt_1"]["text"], asked["denoise_1"]["steps"]) == ("a blue circle", 4)
    studio.settle()
    shoot(page, "workflow-form-done-hand")
    assert studio.overflow() == 0

    page.route("**/workflows/runs/*", end_in_the_middle)
    page.reload()
    studio.settle()
    expect(words).to_have_value("a blue circle")
    expect(page.locator(".result a").first).to_have_attribute(
        "href", f"/gallery/{image.image_name}/"
    )
    expect(page.locator("#run-status")).to_have_attribute("data-state", "cancelled")
    expect(page.locator('.step[data-node="denoise_1"]')).to_have_attribute("data-state", "idle")
    expect(page.locator("#steps-list progress")).to_have_count(0)

    # The price of what is taken back comes late, and is not shown for what is there.
    late: list[Route] = []
    page.route("**/workflows/quote", lambda route: late.append(route))
    price = page.locator("#quote-credits").inner_text()
    wrong.fill("9")
    while not late:
        page.wait_for_timeout(20)
    page.unroute("**/workflows/quote")
    wrong.fill("4")
    with page.expect_response("**/workflows/quote"):
        late[0].fulfill(json={"credits": 777, "available": 1000, "token": "x", "nodes": {}})
    page.wait_for_timeout(100)
    expect(page.locator("#quote")).to_have_attribute("data-state", "ready")
    expect(page.locator("#quote-credits")).to_have_text(price)

    # Run waits for the price of what was filled in just now, which is looked at if it is higher.
    dear = {"credits": 777, "seconds": 1, "available": 1000, "token": "x", "nodes": {}}
    late.clear()
    page.route("**/workflows/quote", lambda route: late.append(route))
    wrong.fill("9")
    page.get_by_role("button", name="실행").tap()
    expect(page.locator("#run")).to_be_disabled()
    page.route("**/workflows/quote", lambda route: route.fulfill(json=dear))
    for question in late:
        question.fulfill(json=dear)
    expect(page.locator("#quote-credits")).to_contain_text("777")
    expect(page.locator("#run")).to_be_enabled()
    assert Job.objects.count() == 1
    studio.open("/workflows/")
    cover = page.locator(".workflow-card__cover")
    expect(cover).to_have_attribute("src", f"/api/v1/images/{image.image_name}/thumbnails/512")
    assert Workflow.objects.get(user=transactional_user).version == 1


def end_in_the_middle(route: Route) -> None:
    """Answer as if the run had been cancelled while a node was under way."""
    answer = route.fetch()
    run = answer.json()
    run["generation"]["state"] = "cancelled"
    under_way = {"state": "running", "seconds": 1, "fraction": 0.4, "preview": None}
    route.fulfill(response=answer, json={**run, "nodes": run["nodes"] | {"denoise_1": under_way}})


def circle() -> dict[str, object]:
    """Return the shortest way from words to a picture, with two of its inputs in the form."""
    return document(
        [
            node("model_1", "model", key="starter"),
            node("prompt_1", "prompt", text="a red circle"),
            node("denoise_1", "denoise", width=64, height=64, steps=6, seed=7),
            node("decode_1", "decode"),
            node("save_1", "save"),
        ],
        ("model_1.model", "denoise_1.model"),
        ("prompt_1.prompt", "denoise_1.prompt"),
        ("denoise_1.latents", "decode_1.latents"),
        ("model_1.model", "decode_1.model"),
        ("decode_1.picture", "save_1.picture"),
        form=[
            {"node": "prompt_1", "input": "text", "title": "무엇을 그릴까요"},
            {"node": "denoise_1", "input": "steps", "title": ""},
        ],
    )
