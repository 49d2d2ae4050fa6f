"""What PostgreSQL itself lets the web login do with the boards and pictures of others."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection

from apps.accounts.models import User
from apps.boards.models import BoardMember
from apps.boards.services import create_board, move_images
from apps.boards.sharing_services import create_link
from apps.plans.products import PLAN_ORDER, PLANS
from apps.plans.services.subscriptions import start_subscription
from tests.boards.sharing import Scene, end_collaboration, make_scene
from tests.database import login_url, session_database_url
from tests.factories import make_image, make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scene(transactional_db: None, enterprise_user: User) -> Scene:
    return make_scene(enterprise_user)


@contextmanager
def as_web(
    tenant: uuid.UUID | str = "", token: str = "", login: str = "web"
) -> Iterator[psycopg.Connection[Any]]:
    url = login_url(login, url=session_database_url())
    with psycopg.connect(url, autocommit=True) as raw, raw.transaction(force_rollback=True):
        raw.execute(
            "SELECT set_config('app.current_user_id', %s, true),"
            " set_config('app.share_token', %s, true)",
            [str(tenant), token],
        )
        yield raw


def user_id(email: str) -> uuid.UUID:
    return User.objects.values_list("id", flat=True).get(email=email)


def seen(raw: psycopg.Connection[Any], table: str) -> set[uuid.UUID]:
    return {row[0] for row in raw.execute(f"SELECT id FROM {table}").fetchall()}  # noqa: S608  # type: ignore[arg-type]


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_a_member_reads_the_shared_boards_and_the_pictures_on_them(scene: Scene, role: str) -> None:
    with as_web(user_id(f"{role}@example.com")) as raw:
        assert seen(raw, "boards_board") == {scene.board.id, scene.second.id}
        assert seen(raw, "images_image") == {scene.image.id}
        for table in ("boards_boardmember", "boards_boardlink", "plans_subscription"):
            found = raw.execute(
                f"SELECT count(*) FROM {table} WHERE user_id = %s",  # noqa: S608  # type: ignore[arg-type]
                [scene.owner.id],
            ).fetchone()
            assert found == (0,)


def test_a_token_opens_its_board_alone(scene: Scene) -> None:
    other = create_board(user=scene.owner, name="other")
    image = make_image(scene.owner)
    move_images(user=scene.owner, names=[image.image_name], board_id=other.id)
    _link, token = create_link(user=scene.owner, board_id=other.id)

    with as_web(token=scene.token) as raw:
        assert seen(raw, "boards_board") == {scene.board.id}
        assert seen(raw, "images_image") == {scene.image.id}
        assert seen(raw, "accounts_user") == set()
    with as_web(token=token) as raw:
        assert seen(raw, "boards_board") == {other.id}
        assert seen(raw, "images_image") == {image.id}
    for nothing in (scene.withdrawn, "", "x" * 43):
        with as_web(token=nothing) as raw:
            assert seen(raw, "boards_board") == seen(raw, "images_image") == set()


@pytest.mark.parametrize("email", ["stranger@example.com", "removed@example.com"])
def test_others_read_nothing(scene: Scene, email: str) -> None:
    with as_web(user_id(email)) as raw:
        assert seen(raw, "boards_board") == seen(raw, "images_image") == set()


def test_an_address_counts_once_it_is_confirmed(scene: Scene) -> None:
    viewer = user_id("viewer@example.com")
    User.objects.filter(id=viewer).update(email_verified=False)
    with as_web(viewer) as raw:
        assert seen(raw, "boards_board") == set()
    User.objects.filter(id=viewer).update(email_verified=True, email="VIEWER@example.com")
    with as_web(viewer) as raw:
        assert seen(raw, "boards_board") == {scene.board.id, scene.second.id}


def test_a_worker_is_not_admitted(scene: Scene) -> None:
    with as_web(user_id("editor@example.com"), scene.token, login="worker") as raw:
        assert seen(raw, "boards_board") == seen(raw, "images_image") == set()


CHANGES = (
    "UPDATE images_image SET starred = true",
    "UPDATE images_image SET rating = 5",
    "UPDATE images_image SET board_id = NULL",
    "UPDATE images_image SET deleted_at = now()",
    "UPDATE images_image SET user_id = %(me)s",
    "DELETE FROM images_image",
    "UPDATE boards_board SET name = 'mine'",
    "UPDATE boards_board SET shows_prompts = true",
    "DELETE FROM boards_board",
    "UPDATE boards_boardmember SET role = 'editor'",
    "DELETE FROM boards_boardmember",
    "UPDATE boards_boardlink SET withdrawn_at = NULL",
    "DELETE FROM boards_boardlink",
)


@pytest.mark.parametrize("statement", CHANGES)
@pytest.mark.parametrize("actor", ["viewer", "editor", "stranger", "link"])
def test_no_statement_changes_a_row_of_somebody_else(
    scene: Scene, statement: str, actor: str
) -> None:
    me = uuid.UUID(int=0) if actor == "link" else user_id(f"{actor}@example.com")
    token = scene.token if actor == "link" else ""

    with as_web("" if actor == "link" else me, token) as raw:
        try:
            touched = raw.execute(statement, {"me": me}).rowcount
        except psycopg.errors.InsufficientPrivilege:
            touched = 0

    assert touched == 0


@pytest.mark.parametrize("actor", ["viewer", "editor"])
def test_nothing_is_put_under_the_name_of_the_owner(scene: Scene, actor: str) -> None:
    me = user_id(f"{actor}@example.com")
    member = (
        "INSERT INTO boards_boardmember (id, user_id, board_id, email, role, created_at,"
        " updated_at) VALUES (gen_random_uuid(), %s, %s, 'x@example.com', 'editor', now(), now())"
    )
    for owner, error in (
        (scene.owner.id, psycopg.errors.InsufficientPrivilege),
        # One's own row cannot be tied to the board of another.
        (me, psycopg.errors.ForeignKeyViolation),
    ):
        with as_web(me) as raw, pytest.raises(error):
            raw.execute(member, [owner, scene.board.id])
    copy = (
        "INSERT INTO boards_board (id, user_id, name, description, is_archived, is_auto_add,"
        " shows_prompts, position, image_count, created_at, updated_at)"
        " SELECT gen_random_uuid(), user_id, 'mine', '', false, false, false, 0, 0, now(), now()"
        " FROM boards_board"
    )
    with as_web(me) as raw, pytest.raises(psycopg.errors.InsufficientPrivilege):
        raw.execute(copy)
    mine = create_board(user=User.objects.get(id=me), name="mine")
    steal = "UPDATE images_image SET board_id = %s WHERE id = %s"
    with as_web(me) as raw:
        assert raw.execute(steal, [mine.id, scene.image.id]).rowcount == 0


MOVE = "SELECT easel_move_shared_images(%s, %s, %s)"


@pytest.mark.parametrize(
    ("actor", "target", "moved"),
    [
        ("editor", None, 1),
        ("editor", "second", 1),
        ("editor", "private", 0),
        ("editor", "mine", 0),
        ("viewer", None, 0),
        ("viewer", "second", 0),
        ("stranger", None, 0),
        ("removed", None, 0),
    ],
)
def test_the_function_for_editors_looks_at_the_role_itself(
    scene: Scene, actor: str, target: str | None, moved: int
) -> None:
    me = user_id(f"{actor}@example.com")
    mine = create_board(user=User.objects.get(id=me), name="mine")
    to = {"second": scene.second.id, "private": scene.private.id, "mine": mine.id}.get(target or "")

    with as_web(me) as raw:
        found = raw.execute(MOVE, [scene.board.id, to, [scene.image.image_name]]).fetchall()

    assert len(found) == moved


def test_an_editor_of_a_lapsed_plan_moves_nothing(scene: Scene) -> None:
    end_collaboration(scene.owner)

    with as_web(user_id("editor@example.com")) as raw:
        found = raw.execute(MOVE, [scene.board.id, None, [scene.image.image_name]]).fetchall()

    assert found == []


@pytest.mark.parametrize("plan", PLAN_ORDER)
def test_members_are_admitted_by_the_plans_that_say_so(transactional_db: None, plan: str) -> None:
    owner, member = make_user("one@example.com"), make_user("two@example.com")
    start_subscription(user=owner, plan=PLANS["enterprise"])
    board = create_board(user=owner, name="b")
    BoardMember.objects.create(user=owner, board=board, email=member.email, role="viewer")
    end_collaboration(owner)
    if plan != "trial":
        start_subscription(user=owner, plan=PLANS[plan])

    with as_web(member.id) as raw:
        assert bool(seen(raw, "boards_board")) == PLANS[plan].collaboration


def test_no_policy_asks_itself(scene: Scene) -> None:
    with as_web(user_id("viewer@example.com")) as raw:
        found = raw.execute(
            "SELECT count(*) FROM images_image JOIN boards_board ON boards_board.id = board_id"
        ).fetchone()
    assert found == (1,)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_policies WHERE policyname LIKE 'shared%%' AND cmd <> 'SELECT'"
        )
        assert cursor.fetchone() == (0,)
