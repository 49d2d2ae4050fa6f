"""One workflow: read, saved as a new version, deleted."""

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import IntegrityError, connection
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.core.errors import Conflict
from apps.core.models import Act, AuditRecord
from apps.core.tenancy import tenant_scope
from apps.workflows.models import Workflow, WorkflowVersion
from apps.workflows.services import workflows
from apps.workflows.services.workflows import create_workflow, edit_workflow
from tests.factories import make_user
from tests.queries import counted_queries
from tests.workflows.documents import document, node

URL = "/api/v1/workflows"
TEXT = document([node("text_1", "text", text="a house")])
OTHER = document([node("text_1", "text", text="a ship"), node("text_2", "text", text="")])


@pytest.fixture
def workflow(user: User) -> Workflow:
    return create_workflow(user=user, name="Mine", document=TEXT)


def address(workflow: Workflow) -> str:
    return f"{URL}/{workflow.id}"


def test_a_save_is_a_new_version(api: APIClient, workflow: Workflow) -> None:
    body = {"document": OTHER, "name": "Ships", "base_version": 1}
    saved = api.patch(address(workflow), body, format="json")

    assert saved.status_code == 200
    assert saved.json()["document"] == {**OTHER, "name": "Ships"}
    assert (saved.json()["version"], saved.json()["node_count"]) == (2, 2)
    assert saved.json()["name"] == "Ships"
    assert saved.json()["updated_at"] > saved.json()["created_at"]
    assert api.get(address(workflow)).json() == saved.json()
    kept = WorkflowVersion.objects.filter(workflow=workflow).order_by("number")
    assert [one.document["name"] for one in kept] == ["Mine", "Ships"]


def test_a_name_alone_is_a_version_with_the_same_nodes(api: APIClient, workflow: Workflow) -> None:
    saved = api.patch(address(workflow), {"name": "Other", "base_version": 1}, format="json").json()

    assert (saved["version"], saved["name"]) == (2, "Other")
    assert saved["document"]["nodes"] == TEXT["nodes"]


def test_what_changes_nothing_makes_no_version(api: APIClient, workflow: Workflow) -> None:
    same = {"document": {**TEXT, "name": "Mine"}, "base_version": 1}

    assert api.patch(address(workflow), same, format="json").json()["version"] == 1
    assert api.patch(address(workflow), {"base_version": 1}, format="json").json()["version"] == 1
    assert WorkflowVersion.objects.filter(workflow=workflow).count() == 1


def test_a_save_on_top_of_an_older_version_is_refused(api: APIClient, workflow: Workflow) -> None:
    api.patch(address(workflow), {"name": "First", "base_version": 1}, format="json")

    refused = api.patch(address(workflow), {"name": "Second", "base_version": 1}, format="json")

    assert (refused.status_code, refused.json()["code"]) == (409, "version_conflict")
    assert refused.json()["version"] == 2
    assert api.get(address(workflow)).json()["name"] == "First"


def test_a_save_whose_answer_was_lost_can_be_repeated(api: APIClient, workflow: Workflow) -> None:
    body = {"document": OTHER, "name": "Ships", "base_version": 1}
    first = api.patch(address(workflow), body, format="json").json()

    again = api.patch(address(workflow), body, format="json")

    assert (again.status_code, again.json()) == (200, first)
    assert WorkflowVersion.objects.filter(workflow=workflow).count() == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x"}, "base_version"),
        ({"base_version": 0}, "base_version"),
        ({"base_version": 1, "document": {}}, "document"),
        ({"base_version": 1, "document": document([node("a", "nothing")])}, "nodes.a"),
    ],
)
def test_what_cannot_be_saved_changes_nothing(
    api: APIClient, workflow: Workflow, body: dict[str, Any], field: str
) -> None:
    answer = api.patch(address(workflow), body, format="json")

    assert (answer.status_code, answer.json()["invalid_fields"]) == (422, [field])
    assert api.get(address(workflow)).json()["version"] == 1


def save_at_once(user: User, workflow_id: uuid.UUID) -> list[str]:
    start = threading.Barrier(2)

    def save(name: str) -> str:
        start.wait()
        try:
            with tenant_scope(user.id):
                edit_workflow(user=user, workflow_id=workflow_id, base_version=1, name=name)
                return "saved"
        except (Conflict, IntegrityError) as error:
            return type(error).__name__
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        return sorted(pool.map(save, ["a", "b"]))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("locked", "refusal"), [(True, "Conflict"), (False, "IntegrityError")])
def test_of_two_saves_at_once_the_second_is_told_so(
    locked: bool, refusal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = make_user("owner@example.com")
    workflow = create_workflow(user=user, document=TEXT)
    add = workflows._add_version

    def add_slowly(*args: Any) -> None:
        time.sleep(0.3)
        add(*args)

    monkeypatch.setattr(workflows, "_add_version", add_slowly)
    if not locked:
        monkeypatch.setattr(
            workflows, "_locked", lambda _user, wanted: Workflow.objects.get(id=wanted)
        )

    assert save_at_once(user, workflow.id) == sorted([refusal, "saved"])
    assert WorkflowVersion.objects.filter(workflow=workflow).count() == 2


def test_it_is_deleted_with_its_versions_and_on_record(
    api: APIClient, user: User, workflow: Workflow
) -> None:
    assert api.delete(address(workflow)).status_code == 204

    assert not Workflow.objects.filter(user=user).exists()
    assert not WorkflowVersion.objects.filter(user=user).exists()
    assert api.get(address(workflow)).status_code == 404
    assert api.delete(address(workflow)).status_code == 404
    record = AuditRecord.objects.get(act=Act.WORKFLOW_DELETED)
    assert (record.user_id, record.actor_id, record.target) == (user.id, user.id, "Mine")


def test_a_stranger_finds_nothing_and_changes_nothing(
    stranger_api: APIClient, workflow: Workflow
) -> None:
    answers = [
        stranger_api.get(address(workflow)),
        stranger_api.patch(address(workflow), {"name": "x", "base_version": 1}, format="json"),
        stranger_api.delete(address(workflow)),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    workflow.refresh_from_db()
    assert (workflow.name, workflow.version) == ("Mine", 1)


def test_it_takes_few_queries(api: APIClient, workflow: Workflow) -> None:
    with counted_queries() as queries:
        api.get(address(workflow))

    # Session, user, tenant, and the workflow with its document.
    assert len(queries) <= 4
