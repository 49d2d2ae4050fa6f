"""What SQL sent by hand reaches with each login: the rows of its tenant, and no other role."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import sql

from apps.accounts.credentials import SESSION
from apps.accounts.models import Scope, User
from apps.accounts.services.keys import create_key
from apps.boards.models import MemberRole
from apps.boards.services import create_board, move_images
from apps.boards.sharing_services import add_member, create_link
from apps.canvas.services.documents import create_from_image
from apps.catalog.models import GenerationModel, ModelInstall
from apps.credits.costs import Shape
from apps.credits.models import ActionType
from apps.credits.services.usage import record_generation
from apps.generation.models import ContentAppeal
from apps.images.services.archives import request_archive
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from apps.plans.tiers import GpuTier
from apps.privacy.services.requests import request_export
from apps.workflows.services import create_preset, create_wildcard
from apps.workflows.services.workflows import create_workflow
from config.local.addresses import LOGINS
from tests.catalog.factories import make_model
from tests.database import login_url, session_database_url
from tests.factories import make_image, make_job, make_payment
from tests.lora_training.factories import make_run, make_sample, make_set
from tests.providers.factories import make_provider_call, make_provider_key
from tests.test_row_level_security import (
    OWNER_COLUMNS,
    SHARED_TABLES,
    privileges_of,
    rows,
    tenant_tables,
)


@contextmanager
def connected_as(login: str) -> Iterator[psycopg.Connection[Any]]:
    url = login_url(login, url=session_database_url())
    with psycopg.connect(url, autocommit=True) as raw:
        yield raw


@pytest.fixture
def two_tenants(
    transactional_db: None, user: User, stranger: User, starter: GenerationModel
) -> tuple[User, User]:
    """Give each of two users a row in every tenant table that the web login may touch."""
    for person in (user, stranger):
        board = create_board(user=person, name="b")
        image = make_image(person)
        move_images(user=person, names=[image.image_name], board_id=board.id)
        create_from_image(user=person, image_name=image.image_name)
        job = make_job(person, starter)
        start_subscription(user=person, plan=PLANS["enterprise"])
        create_link(user=person, board_id=board.id)
        add_member(user=person, board_id=board.id, email="x@example.com", role=MemberRole.EDITOR)
        create_key(user=person, granter=SESSION, name="k", scopes=[Scope.READ])
        request_export(user=person)
        request_archive(user=person, board="all", quality=90)
        record_generation(
            user_id=person.id,
            job_id=job.id,
            api_key_id=None,
            model="m",
            tier=GpuTier.BASIC,
            shape=Shape(64, 64, 1, 1),
            is_whole=True,
            compute_seconds=1.5,
            quoted=2,
            charged=2,
        )
        make_payment(person)
        create_preset(user=person, name="p")
        create_wildcard(user=person, name="w", values=["red"])
        create_workflow(user=person)
        make_provider_key(person)
        make_provider_call(person)
        make_model(person)
        ModelInstall.objects.create(user=person, source_kind="url", source="https://a.example/x")
        ContentAppeal.objects.create(user=person, job_id=job.id, digest="d", reason="r")
        make_sample(make_run(person, make_set(person)))
    assert ActionType.GENERATION
    return user, stranger


@pytest.mark.parametrize("login", ["web", "worker", "ops"])
def test_raw_sql_reaches_no_row_of_another_tenant(
    login: str, two_tenants: tuple[User, User]
) -> None:
    user, stranger = two_tenants
    seen_by_me = 0
    for table in sorted(tenant_tables()):
        column = OWNER_COLUMNS.get(table, "user_id")
        privileges = privileges_of(LOGINS[login]).get(table, set())
        if "SELECT" not in privileges:
            continue
        with connected_as(login) as raw, raw.transaction(force_rollback=True):
            raw.execute("SELECT set_config('app.current_user_id', %s, true)", [str(user.id)])
            names = {"table": sql.Identifier(table), "column": sql.Identifier(column)}
            theirs = sql.SQL("FROM {table} WHERE {column} = %s").format(**names)
            mine = raw.execute(sql.SQL("SELECT count(*) FROM {table}").format(**names)).fetchone()
            seen_by_me += mine[0] if mine else 0
            found = raw.execute(sql.SQL("SELECT 1 ") + theirs, [stranger.id]).fetchall()
            assert found == [], table
            if "UPDATE" in privileges:
                changed = raw.execute(
                    sql.SQL("UPDATE {table} SET {column} = {column} WHERE {column} = %s").format(
                        **names
                    ),
                    [stranger.id],
                )
                assert changed.rowcount == 0, table
            if "DELETE" in privileges:
                assert raw.execute(sql.SQL("DELETE ") + theirs, [stranger.id]).rowcount == 0

    assert seen_by_me > 0


def copied_to(table: str, column: str, fields: list[str], owner: uuid.UUID) -> sql.Composed:
    """Insert a copy of each row that is seen, as `owner`'s."""
    values = sql.SQL(", ").join(
        sql.Literal(owner)
        if name == column
        else sql.Literal(uuid.uuid4())
        if name == "id"
        else sql.Identifier(name)
        for name in fields
    )
    return sql.SQL("INSERT INTO {t} ({f}) SELECT {v} FROM {t}").format(
        t=sql.Identifier(table), f=sql.SQL(", ").join(map(sql.Identifier, fields)), v=values
    )


@pytest.mark.parametrize("login", ["web", "worker"])
def test_raw_sql_gives_no_row_to_another_tenant(login: str, two_tenants: tuple[User, User]) -> None:
    user, stranger = two_tenants
    refused = set()
    for table, privileges in privileges_of(LOGINS[login]).items():
        if table in SHARED_TABLES:
            continue
        column = OWNER_COLUMNS.get(table, "user_id")
        fields = [
            name
            for (name,) in rows(
                "SELECT column_name FROM information_schema.columns"
                " WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER'",
                table,
            )
        ]
        statements = {
            "INSERT": copied_to(table, column, fields, stranger.id),
            "UPDATE": sql.SQL("UPDATE {t} SET {c} = {v}").format(
                t=sql.Identifier(table), c=sql.Identifier(column), v=sql.Literal(stranger.id)
            ),
        }
        for kind in statements.keys() & privileges:
            if "SELECT" not in privileges:
                continue
            with connected_as(login) as raw, raw.transaction(force_rollback=True):
                raw.execute("SELECT set_config('app.current_user_id', %s, true)", [str(user.id)])
                # A copied posting meets the guard of its kind before the policy.
                with pytest.raises(
                    psycopg.errors.InsufficientPrivilege, match=r"row-level|may not post"
                ):
                    raw.execute(statements[kind])
                refused.add((table, kind))

    assert ("images_image", "INSERT") in refused
    assert login != "web" or {table for table, _kind in refused} >= {
        "accounts_apikey",
        "accounts_user",
        "core_auditrecord",
        "generation_job",
        "images_archive",
        "images_image",
        "privacy_datarequest",
    }


@pytest.mark.parametrize("login", ["web", "worker"])
@pytest.mark.parametrize("role", ["easel_service", "easel_ops", "easel_owner", "postgres"])
def test_raw_sql_on_a_serving_login_takes_no_other_role(
    login: str, role: str, two_tenants: tuple[User, User]
) -> None:
    with connected_as(login) as raw:
        for statement in (
            "SET ROLE {}",
            "SELECT set_config('role', '{}', false)",
            "SET SESSION AUTHORIZATION {}",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                raw.execute(statement.format(role))
        assert raw.execute("SELECT count(*) FROM images_image").fetchone() == (0,)


def test_the_service_role_is_taken_by_operations_for_one_transaction(
    two_tenants: tuple[User, User],
) -> None:
    with connected_as("ops") as raw:
        with raw.transaction():
            raw.execute("SET LOCAL ROLE easel_service")
            within = raw.execute("SELECT count(*) FROM images_image").fetchone()
        after = raw.execute("SELECT count(*) FROM images_image").fetchone()

    # One each, and three each in a set to learn from.
    assert (within, after) == ((8,), (0,))
