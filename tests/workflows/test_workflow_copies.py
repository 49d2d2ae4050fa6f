"""Workflows that come and go: duplicates, exports, imports."""

import json
import uuid

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.core.models import Act, AuditRecord
from apps.core.tenancy import service_scope
from apps.workflows.models import Workflow, WorkflowVersion
from apps.workflows.services.workflows import create_workflow
from tests.workflows.documents import document, node

URL = "/api/v1/workflows"
TEXT = document([node("text_1", "text", text="집 a house")], name="Häuser / 집")


@pytest.fixture
def workflow(user: User) -> Workflow:
    return create_workflow(user=user, document=TEXT)


def test_a_duplicate_is_a_workflow_of_its_own(
    api: APIClient, user: User, workflow: Workflow
) -> None:
    copy = api.post(f"{URL}/{workflow.id}/duplicate")

    assert copy.status_code == 201
    body = copy.json()
    assert (body["name"], body["version"]) == ("Häuser / 집 (copy)", 1)
    assert body["document"] == {**TEXT, "name": "Häuser / 집 (copy)"}
    assert Workflow.objects.filter(user=user).count() == 2


def test_what_everybody_has_is_duplicated_to_be_changed(api: APIClient, user: User) -> None:
    with service_scope("a test"):
        shared = Workflow.objects.create(name="Shared")
        WorkflowVersion.objects.create(workflow=shared, number=1, document=TEXT)

    copy = api.post(f"{URL}/{shared.id}/duplicate").json()
    answers = [
        api.patch(f"{URL}/{shared.id}", {"name": "x", "base_version": 1}, format="json"),
        api.post(f"{URL}/{shared.id}/versions/1/restore"),
        api.delete(f"{URL}/{shared.id}"),
    ]

    assert copy["is_shared"] is False
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert WorkflowVersion.objects.get(workflow=copy["id"]).user_id == user.id
    assert api.get(f"{URL}/{shared.id}").json()["document"] == TEXT


def test_an_export_is_a_file_that_can_be_imported(
    api: APIClient, stranger_api: APIClient, workflow: Workflow
) -> None:
    file = api.get(f"{URL}/{workflow.id}/export")

    assert file["Content-Disposition"].startswith("attachment; filename")
    assert "H%C3%A4user" in file["Content-Disposition"]
    assert json.loads(file.content) == TEXT
    imported = stranger_api.post(
        f"{URL}/import", file.content.decode(), content_type="application/json"
    )
    assert imported.status_code == 201
    assert imported.json()["document"] == TEXT
    assert imported.json()["id"] != str(workflow.id)
    assert AuditRecord.objects.get(act=Act.WORKFLOW_IMPORTED).target == "Häuser / 집"


@pytest.mark.parametrize("body", [[], "text", 5, None, {}, {"document": TEXT}, {"nodes": []}])
def test_what_is_no_document_is_not_imported(api: APIClient, user: User, body: object) -> None:
    answer = api.post(f"{URL}/import", json.dumps(body), content_type="application/json")

    assert (answer.status_code, answer.json()["invalid_fields"]) == (422, ["document"])
    assert not Workflow.objects.filter(user=user).exists()


def test_ten_thousand_nodes_are_refused_by_the_first_that_is_too_many(api: APIClient) -> None:
    # Within the bound of a body: what is larger is not even parsed.
    many = document([{"id": f"n{number}", "type": "text"} for number in range(10_000)])

    answer = api.post(f"{URL}/import", many, format="json")

    assert answer.status_code == 422
    (problem,) = answer.json()["problems"]
    assert (problem["code"], problem["node"]) == ("too_many_nodes", "n200")


def test_a_stranger_finds_nothing(stranger_api: APIClient, workflow: Workflow) -> None:
    for address in (f"{URL}/{workflow.id}", f"{URL}/{uuid.UUID(int=0)}"):
        assert stranger_api.post(f"{address}/duplicate").status_code == 404
        assert stranger_api.get(f"{address}/export").status_code == 404
    assert Workflow.objects.filter(user__isnull=False).count() == 1
