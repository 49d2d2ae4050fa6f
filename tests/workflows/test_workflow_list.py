"""The list of workflows, and new ones."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.core.tenancy import service_scope
from apps.workflows.models import Workflow, WorkflowVersion
from apps.workflows.services import workflows
from apps.workflows.services.workflows import create_workflow
from tests.queries import counted_queries
from tests.workflows.documents import document, node

URL = "/api/v1/workflows"

TEXT = document([node("text_1", "text", text="a house")], name="Texts", description="One text.")


@pytest.fixture
def shared(db: None) -> Workflow:
    """A workflow that Easel comes with, the only one."""
    with service_scope("a test"):
        Workflow.objects.filter(user=None).delete()
        workflow = Workflow.objects.create(name="Everybody's", node_count=1)
        WorkflowVersion.objects.create(workflow=workflow, number=1, document=TEXT)
        return workflow


def test_a_workflow_is_kept_as_it_came(api: APIClient, user: User) -> None:
    made = api.post(URL, {"document": TEXT}, format="json")

    assert made.status_code == 201
    body = made.json()
    assert body["document"] == TEXT
    assert (body["name"], body["description"], body["version"]) == ("Texts", "One text.", 1)
    assert (body["node_count"], body["is_shared"]) == (1, False)
    assert api.get(made["Location"]).json() == body
    assert Workflow.objects.get(user=user).name == "Texts"


def test_without_a_document_it_is_empty_and_has_a_name(api: APIClient) -> None:
    unnamed = api.post(URL, {}, format="json").json()
    named = api.post(URL, {"name": " Mine ", "description": "d"}, format="json").json()

    assert (unnamed["name"], unnamed["document"]["nodes"]) == ("Untitled workflow", [])
    assert (named["name"], named["document"]["name"]) == ("Mine", "Mine")
    assert named["document"]["description"] == "d"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"document": []}, "document"),
        ({"document": {}}, "document"),
        ({"document": {**TEXT, "easel_workflow": 2}}, "document"),
        ({"document": {**TEXT, "more": 1}}, "document"),
        ({"document": document([node("a b", "text")])}, "nodes.#0"),
        ({"document": document([node("a", "nothing")])}, "nodes.a"),
        ({"document": document([node("a", "text", text=5)])}, "nodes.a.text"),
        ({"name": "x" * 121}, "name"),
        ({"name": 5}, "name"),
        ({"description": "x" * 2001}, "description"),
    ],
)
def test_what_is_no_workflow_is_refused_by_field(
    api: APIClient, body: dict[str, Any], field: str
) -> None:
    answer = api.post(URL, body, format="json")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert answer.json()["invalid_fields"] == [field]
    assert not Workflow.objects.filter(user__isnull=False).exists()


def test_each_problem_has_a_code_for_programs(api: APIClient) -> None:
    wrong = document([node("a", "text", text=5), node("a", "nothing")])

    problems = api.post(URL, {"document": wrong}, format="json").json()["problems"]

    assert [(one["code"], one["node"], one["input"]) for one in problems] == [
        ("bad_value", "a", "text"),
        ("duplicate_id", "a", None),
        ("unknown_type", "a", None),
    ]
    assert all(one["message"] for one in problems)


@pytest.mark.parametrize("hostile", ["[" * 100_000, '{"document":' * 5000, '{"a": NaN}', "\x00"])
def test_what_breaks_parsers_is_refused(api: APIClient, hostile: str) -> None:
    answer = api.post(URL, hostile, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


def test_a_body_is_bounded_before_it_is_parsed(api: APIClient) -> None:
    large = '{"name": "' + "x" * 2_000_000 + '"}'

    answer = api.post(URL, large, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_there_can_be_so_many_and_no_more(
    api: APIClient, user: User, stranger: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflows, "MAX_WORKFLOWS", 2)
    create_workflow(user=stranger)
    for _ in range(2):
        assert api.post(URL, {}, format="json").status_code == 201

    refused = api.post(URL, {}, format="json")

    assert (refused.status_code, refused.json()["limit"]) == (409, 2)
    assert Workflow.objects.filter(user=user).count() == 2


def test_own_and_shared_ones_are_listed_and_those_of_strangers_are_not(
    api: APIClient, stranger: User, shared: Workflow
) -> None:
    create_workflow(user=stranger, name="theirs")
    for name in ("first", "second"):
        api.post(URL, {"name": name}, format="json")

    def names(query: str = "") -> list[str]:
        return [one["name"] for one in api.get(URL + query).json()["results"]]

    assert names() == ["second", "first", "Everybody's"]
    assert names("?shared=false") == ["second", "first"]
    assert names("?shared=true") == ["Everybody's"]
    assert "document" not in api.get(URL).json()["results"][0]
    assert api.get(URL + "?shared=x").status_code == 422


def test_pages_follow_each_other(api: APIClient, shared: Workflow) -> None:
    for number in range(4):
        api.post(URL, {"name": str(number)}, format="json")

    found, address = [], URL + "?limit=2"
    while address:
        page = api.get(address).json()
        found += [one["name"] for one in page["results"]]
        address = page["next"]

    assert found == ["3", "2", "1", "0", "Everybody's"]


def test_a_list_takes_the_same_queries_at_any_length(
    api: APIClient, user: User, shared: Workflow
) -> None:
    counts = []
    for _ in range(2):
        create_workflow(user=user, document=TEXT)
        with counted_queries() as queries:
            assert api.get(URL).status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1]
    assert counts[0] <= 5


def test_the_names_of_what_easel_came_with_are_translated(
    api: APIClient, shared: Workflow, user: User
) -> None:
    with service_scope("a test"):
        Workflow.objects.filter(id=shared.id).update(name="Text to picture")

    listed = api.get(URL, headers={"Accept-Language": "ko"}).json()["results"]

    assert [one["name"] for one in listed] == ["글로 그림 만들기"]
