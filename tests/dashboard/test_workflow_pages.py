"""The pages of workflows: what is listed, drawn and found, and the form, with their refusals."""

import json
import re
import uuid
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.core.tenancy import service_scope
from apps.dashboard.workflow_outlines import outline_of
from apps.dashboard.workflow_selectors import PAGE_SIZE
from apps.generation.models import Job, JobKind
from apps.images.models import Image
from apps.workflows.models import Workflow, WorkflowVersion
from apps.workflows.services.workflows import create_workflow
from tests.factories import make_image, make_job
from tests.queries import counted_queries
from tests.workflows.documents import document, node

pytestmark = pytest.mark.django_db

SIGNED_IN_QUERIES = 4  # tenant, user; plan and balance, which are not in the cache yet


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def two_nodes(**facts: Any) -> dict[str, Any]:
    fill = {**node("fill_1", "colour_fill"), "position": [0, 0]}
    save = {**node("save_1", "save"), "position": [400, 100]}
    return document([fill, save], ("fill_1.picture", "save_1.picture"), **facts)


def make_workflow(user: User, **facts: Any) -> Workflow:
    return create_workflow(user=user, document=two_nodes(**facts))


def make_run(user: User, starter: object, workflow: Workflow) -> Job:
    job = make_job(user, starter)  # type: ignore[arg-type]
    Job.objects.filter(id=job.id).update(
        kind=JobKind.WORKFLOW, work={"workflow": str(workflow.id), "models": [], "pictures": []}
    )
    return job


@pytest.fixture
def shared() -> Workflow:
    """A workflow that Easel comes with."""
    with service_scope("a test"):
        workflow = Workflow.objects.create(
            name="Four seasons", description="One place in spring and snow.", node_count=2
        )
        WorkflowVersion.objects.create(workflow=workflow, number=1, document=two_nodes())
    return workflow


def test_a_card_draws_the_graph_and_leads_to_both_views(browser_client: Client, user: User) -> None:
    workflow = make_workflow(user, name="<b>Mine</b>")

    response = browser_client.get("/workflows/")

    (card,) = response.context["page"].own
    assert (card.name, card.workflow.node_count, card.cover) == ("<b>Mine</b>", 2, None)
    assert card.outline.corners == [("0", "0"), ("400", "100")]
    assert card.outline.edges == "M240 60C320 60 320 160 400 160"
    html = response.content.decode()
    assert html.count('class="workflow-outline__node"') >= 2
    assert f'href="/workflows/{workflow.id}/"' in html
    assert f'href="/workflows/{workflow.id}/form/"' in html
    assert "2 nodes" in html
    assert "&lt;b&gt;Mine&lt;/b&gt;" in html
    assert "<b>Mine</b>" not in html


def test_a_small_graph_is_drawn_no_larger_than_a_card_of_nodes() -> None:
    outline = outline_of(two_nodes())

    assert outline is not None
    assert outline.view_box == "-280 -290 1200 800"
    assert outline_of(document()) is None


def test_the_cover_is_the_latest_picture_that_a_run_made(
    browser_client: Client, user: User, starter: object
) -> None:
    workflow, other = make_workflow(user), make_workflow(user)
    pictures = []
    for _number in range(2):
        picture = make_image(user)
        job = make_run(user, starter, workflow)
        Image.objects.filter(id=picture.id).update(session_id=job.id)
        pictures.append(picture)
    gone = make_image(user)
    last = make_run(user, starter, workflow)
    Image.objects.filter(id=gone.id).update(session_id=last.id, is_intermediate=True)

    page = browser_client.get("/workflows/").context["page"]

    covers = {card.workflow.id: card.cover for card in page.own}
    assert covers == {workflow.id: pictures[1].image_name, other.id: None}


def test_default_workflows_are_there_to_start_from(
    browser_client: Client, user: User, shared: Workflow
) -> None:
    response = browser_client.get("/workflows/")

    page = response.context["page"]
    defaults = Workflow.objects.filter(user=None).order_by("node_count", "name")
    assert [card.workflow.id for card in page.shared] == [one.id for one in defaults]
    assert shared.id in [card.workflow.id for card in page.shared]
    html = response.content.decode()
    assert "No workflow of yours yet" in html
    assert html.count('data-act="start-from"') == len(page.shared)
    assert html.count('data-act="more"') == 0
    assert not Workflow.objects.filter(user=user).exists()


def test_words_find_own_and_default_ones(
    browser_client: Client, user: User, shared: Workflow
) -> None:
    fox = make_workflow(user, name="A red fox", description="with snow")
    make_workflow(user, name="A sea")

    def found(words: str) -> list[uuid.UUID]:
        page = browser_client.get("/workflows/", {"q": words}).context["page"]
        return [card.workflow.id for card in page.own]

    assert found("FOX snow") == [fox.id]
    assert found("fox sea") == []
    html = browser_client.get("/workflows/", {"q": "nothing of the kind"}).content.decode()
    assert "No workflow is like that" in html
    assert "No workflow of yours yet" not in html
    defaults = browser_client.get("/workflows/", {"q": "SEASONS snow"}).context["page"].shared
    assert [card.workflow.id for card in defaults] == [shared.id]


def test_the_list_goes_on_where_a_page_ends(browser_client: Client, user: User) -> None:
    made = [make_workflow(user, name=f"Number {n}").id for n in range(PAGE_SIZE + 2)]

    first = browser_client.get("/workflows/").context["page"]
    more = browser_client.get("/workflows/", {"after": first.next}, headers={"HX-Request": "true"})
    rest = more.context["page"]

    assert [card.workflow.id for card in (*first.own, *rest.own)] == made[::-1]
    assert (rest.next, rest.shared) == ("", [])
    assert "<section" not in more.content.decode()
    assert browser_client.get("/workflows/", {"after": "nonsense"}).status_code == 404


@pytest.mark.parametrize("count", [1, 12])
def test_the_list_asks_as_often_however_many_there_are(
    browser_client: Client, user: User, starter: object, count: int
) -> None:
    for number in range(count):
        workflow = make_workflow(user, name=f"Number {number}")
        if number % 2:
            picture, job = make_image(user), make_run(user, starter, workflow)
            Image.objects.filter(id=picture.id).update(session_id=job.id)

    with counted_queries() as queries:
        response = browser_client.get("/workflows/")

    assert len(response.context["page"].own) == count
    # Own ones, their covers, and those that Easel came with.
    assert len(queries) == SIGNED_IN_QUERIES + 3


def test_htmx_gets_the_lists_alone(browser_client: Client, user: User) -> None:
    make_workflow(user, name="Mine")

    html = browser_client.get("/workflows/", headers={"HX-Request": "true"}).content.decode()

    assert "Mine" in html
    assert "<html" not in html
    assert "workflow-search" not in html


def test_the_pages_speak_korean(browser_client: Client, user: User, shared: Workflow) -> None:
    workflow = make_workflow(user, name="여우")

    html = browser_client.get("/workflows/", headers={"Accept-Language": "ko"}).content.decode()
    form = browser_client.get(
        f"/workflows/{workflow.id}/form/", headers={"Accept-Language": "ko"}
    ).content.decode()

    assert "내 워크플로" in html
    assert "노드 2개" in html
    assert "여기서 시작하기" in html
    assert "Start from" not in html
    assert "그래프 열기" in form
    assert re.search(r"</svg>실행</button>", form)


def test_the_form_has_the_workflow_as_the_api_has_it(browser_client: Client, user: User) -> None:
    workflow = make_workflow(user, name="</script><b>")

    with counted_queries() as queries:
        response = browser_client.get(f"/workflows/{workflow.id}/form/")

    html = response.content.decode()
    written = re.search(r'<script id="workflow" type="application/json">(.*?)</script>', html)
    assert written
    told = browser_client.get(f"/api/v1/workflows/{workflow.id}").json()
    assert json.loads(written[1]) == told
    assert told["document"]["nodes"][0]["id"] == "fill_1"
    assert len(queries) == SIGNED_IN_QUERIES + 1


def test_a_default_workflow_is_filled_in_without_a_copy(
    browser_client: Client, user: User, shared: Workflow
) -> None:
    response = browser_client.get(f"/workflows/{shared.id}/form/")

    assert response.status_code == 200
    assert not Workflow.objects.filter(user=user).exists()


def test_what_is_not_there_is_not_called_a_picture(browser_client: Client) -> None:
    response = browser_client.get(f"/workflows/{uuid.uuid4()}/form/")

    assert response.status_code == 404
    assert "What was here may have been deleted" in response.content.decode()


def test_a_stranger_sees_no_workflow_of_others(user: User, stranger: User) -> None:
    workflow = make_workflow(user, name="Secret")
    theirs = client_of(stranger)

    assert theirs.get("/workflows/").context["page"].own == []
    assert theirs.get(f"/workflows/{workflow.id}/form/").status_code == 404
    assert "Secret" not in theirs.get("/workflows/", {"q": "Secret"}).content.decode().replace(
        'value="Secret"', ""
    )
    assert WorkflowVersion.objects.filter(workflow=workflow.id).count() == 1


@pytest.mark.parametrize(
    ("kept", "is_offered"),
    [
        ({"graph": {"easel_workflow": 1, "nodes": []}}, True),
        ({"workflow": {"easel_workflow": 1, "nodes": []}}, True),
        ({"workflow": {"nodes": [], "last_node_id": 7}}, False),
        ({}, False),
    ],
)
def test_a_picture_leads_to_the_workflow_of_easel_that_made_it(
    browser_client: Client, user: User, kept: dict[str, Any], is_offered: bool
) -> None:
    picture = make_image(user)
    Image.objects.filter(id=picture.id).update(has_workflow=bool(kept), **kept)

    html = browser_client.get(f"/gallery/{picture.image_name}/").content.decode()

    address = f"/workflows/new/?image={picture.image_name}"
    assert (f'href="{address}"' in html) == is_offered
    assert client_of(user).get(address).status_code == 200


@pytest.mark.parametrize("path", ["/workflows/", f"/workflows/{uuid.UUID(int=1)}/form/"])
def test_a_visitor_is_sent_to_sign_in(client: Client, path: str) -> None:
    response = client.get(path)

    assert (response.status_code, response["Location"]) == (
        302,
        f"/accounts/sign-in/?next={path}",
    )
