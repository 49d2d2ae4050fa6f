"""What SQL sent by hand does to the styles that everybody has: it reads them, and no more."""

from typing import LiteralString

import psycopg
import pytest

from apps.accounts.models import User
from apps.core.tenancy import service_scope
from apps.workflows.models import StylePreset
from apps.workflows.services import create_preset
from tests.test_raw_sql import connected_as

INSERT = """
    INSERT INTO workflows_stylepreset
        (id, user_id, name, prompt, negative_prompt, created_at, updated_at)
    VALUES (gen_random_uuid(), NULL, 'mine', '', '', now(), now())
"""


@pytest.fixture
def shared(transactional_db: None) -> StylePreset:
    with service_scope("a test"):
        return StylePreset.objects.create(name="Of the test")


@pytest.mark.parametrize("login", ["web", "ops"])
def test_a_tenant_reads_what_is_shared_and_does_not_write_it(
    login: str, shared: StylePreset, user: User
) -> None:
    with connected_as(login) as raw:
        for statement, count in (
            ("SELECT FROM workflows_stylepreset WHERE id = %s", 1),
            ("UPDATE workflows_stylepreset SET name = 'mine' WHERE id = %s", 0),
            ("UPDATE workflows_stylepreset SET user_id = user_id WHERE id = %s", 0),
            ("DELETE FROM workflows_stylepreset WHERE id = %s", 0),
        ):
            with raw.transaction(force_rollback=True):
                raw.execute("SELECT set_config('app.current_user_id', %s, true)", [str(user.id)])
                assert raw.execute(statement, [shared.id]).rowcount == count, statement


@pytest.mark.parametrize("login", ["web", "ops"])
@pytest.mark.parametrize("statement", [INSERT, "UPDATE workflows_stylepreset SET user_id = NULL"])
def test_a_tenant_shares_nothing_with_everybody(
    login: str, statement: LiteralString, transactional_db: None, user: User
) -> None:
    own = create_preset(user=user, name="mine")

    with connected_as(login) as raw:
        raw.execute("SELECT set_config('app.current_user_id', %s, false)", [str(user.id)])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            raw.execute(statement)

    assert StylePreset.objects.get().user_id == own.user_id


def test_without_a_tenant_only_what_is_shared_is_seen(shared: StylePreset, user: User) -> None:
    create_preset(user=user, name="mine")

    with connected_as("web") as raw:
        owners = raw.execute("SELECT DISTINCT user_id FROM workflows_stylepreset").fetchall()

    assert owners == [(None,)]


def test_a_worker_has_nothing_to_do_with_styles(shared: StylePreset) -> None:
    with connected_as("worker") as raw, pytest.raises(psycopg.errors.InsufficientPrivilege):
        raw.execute("SELECT FROM workflows_stylepreset")
