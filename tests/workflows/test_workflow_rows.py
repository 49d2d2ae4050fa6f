"""What SQL sent by hand does to workflows: own rows alone, shared ones to read, no version anew."""

import psycopg
import pytest

from apps.accounts.models import User
from apps.core.tenancy import service_scope
from apps.workflows.models import Workflow, WorkflowVersion
from apps.workflows.services.workflows import create_workflow
from tests.test_raw_sql import connected_as
from tests.workflows.documents import fill_document

TENANT = "SELECT set_config('app.current_user_id', %s, true)"
SHARE = """
    INSERT INTO workflows_workflow
        (id, user_id, name, description, version, node_count, created_at, updated_at)
    VALUES (gen_random_uuid(), NULL, 'mine', '', 1, 0, now(), now())
"""
# A version of a workflow that somebody else has.
INTRUDE = """
    INSERT INTO workflows_workflowversion
        (id, user_id, workflow_id, number, document, created_at, updated_at)
    VALUES (gen_random_uuid(), %s, %s, 9, '{}', now(), now())
"""


@pytest.fixture
def shared(transactional_db: None) -> Workflow:
    with service_scope("a test"):
        workflow = Workflow.objects.create(name="Of the test")
        WorkflowVersion.objects.create(workflow=workflow, number=1, document=fill_document())
        return workflow


@pytest.mark.parametrize("login", ["web", "ops"])
def test_a_tenant_reads_what_is_shared_and_does_not_write_it(
    login: str, shared: Workflow, user: User
) -> None:
    with connected_as(login) as raw:
        for statement, count in (
            ("SELECT FROM workflows_workflow WHERE id = %s", 1),
            ("SELECT FROM workflows_workflowversion WHERE workflow_id = %s", 1),
            ("UPDATE workflows_workflow SET name = 'mine' WHERE id = %s", 0),
            ("DELETE FROM workflows_workflowversion WHERE workflow_id = %s", 0),
            ("DELETE FROM workflows_workflow WHERE id = %s", 0),
        ):
            with raw.transaction(force_rollback=True):
                raw.execute(TENANT, [str(user.id)])
                assert raw.execute(statement, [shared.id]).rowcount == count, statement


@pytest.mark.parametrize("login", ["web", "ops"])
def test_a_tenant_shares_nothing_with_everybody(
    login: str, transactional_db: None, user: User
) -> None:
    with connected_as(login) as raw, raw.transaction():
        raw.execute(TENANT, [str(user.id)])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            raw.execute(SHARE)


def test_the_web_has_no_right_to_change_a_version(shared: Workflow) -> None:
    with connected_as("web") as raw, pytest.raises(psycopg.errors.InsufficientPrivilege):
        raw.execute("UPDATE workflows_workflowversion SET document = '{}'")


def test_no_version_is_tied_to_the_workflow_of_another(
    transactional_db: None, user: User, stranger: User
) -> None:
    theirs = create_workflow(user=stranger, document=fill_document())

    with connected_as("web") as raw, raw.transaction(force_rollback=True):
        raw.execute(TENANT, [str(user.id)])
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            raw.execute(INTRUDE, [user.id, theirs.id])


@pytest.mark.parametrize("table", ["workflows_workflow", "workflows_workflowversion"])
def test_a_worker_has_nothing_to_do_with_them(table: str, shared: Workflow) -> None:
    with connected_as("worker") as raw, pytest.raises(psycopg.errors.InsufficientPrivilege):
        raw.execute(f"SELECT FROM {table}")
