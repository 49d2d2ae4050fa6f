"""The versions of a workflow: listed, read, gone back to; PostgreSQL lets none be changed."""

import secrets
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.workflows.models import Workflow, WorkflowVersion
from apps.workflows.services import workflows
from apps.workflows.services.workflows import create_workflow, edit_workflow
from tests.workflows.documents import document, node

URL = "/api/v1/workflows"
TEXT = document([node("text_1", "text", text="a house")], name="First")


@pytest.fixture
def workflow(user: User) -> Workflow:
    workflow = create_workflow(user=user, document=TEXT)
    for number, name in enumerate(("Second", "Third"), start=1):
        edit_workflow(user=user, workflow_id=workflow.id, base_version=number, name=name)
    return workflow


def test_they_are_listed_the_latest_first(api: APIClient, workflow: Workflow) -> None:
    listed = api.get(f"{URL}/{workflow.id}/versions").json()["results"]

    assert [one["version"] for one in listed] == [3, 2, 1]
    assert set(listed[0]) == {"version", "created_at"}


def test_each_is_as_it_was_saved(api: APIClient, workflow: Workflow) -> None:
    version = api.get(f"{URL}/{workflow.id}/versions/1").json()

    assert (version["version"], version["document"]) == (1, TEXT)
    for number in (0, 4, 10**30):
        assert api.get(f"{URL}/{workflow.id}/versions/{number}").status_code == 404


def test_one_that_is_gone_back_to_is_a_new_version(api: APIClient, workflow: Workflow) -> None:
    restored = api.post(f"{URL}/{workflow.id}/versions/1/restore")

    assert restored.status_code == 200
    assert (restored.json()["version"], restored.json()["name"]) == (4, "First")
    assert restored.json()["document"] == TEXT
    again = api.post(f"{URL}/{workflow.id}/versions/4/restore").json()
    assert again["version"] == 4
    assert api.post(f"{URL}/{workflow.id}/versions/9/restore").status_code == 404


def test_the_oldest_go_and_the_latest_stays(
    api: APIClient, user: User, workflow: Workflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflows, "VERSIONS_KEPT", 2)

    edit_workflow(user=user, workflow_id=workflow.id, base_version=3, name="Fourth")

    kept = api.get(f"{URL}/{workflow.id}/versions").json()["results"]
    assert [one["version"] for one in kept] == [4, 3]
    assert api.get(f"{URL}/{workflow.id}/versions/1").status_code == 404


def big(name: str) -> dict[str, Any]:
    """Return a document that PostgreSQL cannot make smaller."""
    text = secrets.token_urlsafe(3750)
    return document([node("text_1", "text", text=text)], name=name)


def test_of_all_workflows_the_oldest_go_where_they_take_too_much(
    api: APIClient, user: User, stranger: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = create_workflow(user=stranger, document=big("1"))
    edit_workflow(user=stranger, workflow_id=theirs.id, base_version=1, document=big("2"))
    one, other = (create_workflow(user=user, document=big("1")) for _ in range(2))
    edit_workflow(user=user, workflow_id=one.id, base_version=1, document=big("2"))
    edit_workflow(user=user, workflow_id=other.id, base_version=1, document=big("2"))

    def kept() -> list[list[int]]:
        rows = WorkflowVersion.objects.order_by("number")
        return [
            list(rows.filter(workflow=each).values_list("number", flat=True))
            for each in (one, other, theirs)
        ]

    # Room for four.
    monkeypatch.setattr(workflows, "MAX_VERSION_BYTES", 22_500)
    edit_workflow(user=user, workflow_id=other.id, base_version=2, document=big("3"))
    assert kept() == [[2], [1, 2, 3], [1, 2]]
    new = create_workflow(user=user, document=big("1"))
    assert kept() == [[2], [2, 3], [1, 2]]
    monkeypatch.setattr(workflows, "MAX_VERSION_BYTES", 1)
    edit_workflow(user=user, workflow_id=new.id, base_version=1, document=big("2"))

    assert kept() == [[2], [3], [1, 2]]
    for workflow in (one, other, new):
        assert api.get(f"{URL}/{workflow.id}").status_code == 200


@pytest.mark.parametrize(
    "change", ["document = '{}'", "number = 9", "workflow_id = gen_random_uuid()"]
)
def test_postgresql_refuses_that_one_changes(workflow: Workflow, change: str) -> None:
    before = list(WorkflowVersion.objects.order_by("id").values())

    with (
        pytest.raises(ProgrammingError, match="stay as they are"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE workflows_workflowversion SET {change}")  # noqa: S608

    assert list(WorkflowVersion.objects.order_by("id").values()) == before


def test_a_stranger_finds_nothing_and_changes_nothing(
    stranger_api: APIClient, workflow: Workflow
) -> None:
    address = f"{URL}/{workflow.id}/versions"
    answers = [
        stranger_api.get(address),
        stranger_api.get(f"{address}/1"),
        stranger_api.post(f"{address}/1/restore"),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert WorkflowVersion.objects.filter(workflow=workflow).count() == 3
