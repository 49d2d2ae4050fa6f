"""Nothing of a deleted account is left in any table, file or key, but what is listed."""

import json
import uuid
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from psycopg import sql
from rest_framework.test import APIClient

from apps.accounts.credentials import SESSION
from apps.accounts.models import Scope, User
from apps.accounts.services.keys import create_key
from apps.accounts.services.users import close_account
from apps.boards.models import MemberRole
from apps.boards.services import create_board, move_images
from apps.boards.sharing_services import add_member, create_link
from apps.catalog.installs.requests import request_install
from apps.catalog.models import GenerationModel
from apps.core.tenancy import service_scope
from apps.credits.costs import Shape
from apps.credits.services.usage import record_generation
from apps.generation.models import ContentAppeal
from apps.images.services.archives import request_archive
from apps.images.services.purges import delete_purged_files
from apps.plans.models import Notice
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from apps.plans.services.testers import grant_tester_plan
from apps.plans.tiers import GpuTier
from apps.privacy.selectors import tenant_models
from apps.privacy.services.background import run_next_request
from apps.privacy.services.requests import request_deletion, request_export
from apps.privacy.traces import STAYS, find_traces
from apps.workflows.services import create_preset, create_wildcard
from apps.workflows.services.workflows import create_workflow
from tests.canvas.factories import make_canvas, upload
from tests.catalog.factories import make_model
from tests.factories import PASSWORD, delete_image, make_image, make_job, make_payment, make_user
from tests.lora_training.factories import make_run, make_sample, make_set
from tests.providers.factories import make_provider_call, make_provider_key
from tests.test_row_level_security import OWNER_COLUMNS, tenant_tables

_OWN_ROWS = sql.SQL("SELECT count(*) FROM {} WHERE {} = %s")
EMAIL, NAME = "ada.lovelace@example.com", "Ada Lovelace of Ockham"
# Joins that no model of ours stands for; the account's row gives them up.
JOINS = {"accounts_user_groups", "accounts_user_user_permissions"}


def fill(user: User, other: User, staff: User, starter: GenerationModel) -> None:
    """Give `user` something of everything that a user can have."""
    for person in (user, other):
        start_subscription(user=person, plan=PLANS["enterprise"])
    job = make_job(user, starter, prompt="a red circle")
    image = make_image(user, prompt="빨간 원")
    delete_image(user=user, image_name=make_image(user).image_name)
    record_generation(
        user_id=user.id,
        job_id=job.id,
        api_key_id=None,
        model="starter",
        tier=GpuTier.BASIC,
        shape=Shape(64, 64, 1, 1),
        is_whole=True,
        compute_seconds=1.5,
        quoted=2,
        charged=2,
    )
    create_key(user=user, granter=SESSION, name="k", scopes=[Scope.READ])
    board = create_board(user=user, name="Sea")
    move_images(user=user, names=[image.image_name], board_id=board.id)
    create_link(user=user, board_id=board.id)
    add_member(user=user, board_id=board.id, email=other.email, role=MemberRole.VIEWER)
    theirs = create_board(user=other, name="Hills")
    add_member(user=other, board_id=theirs.id, email=user.email, role=MemberRole.EDITOR)
    create_preset(user=user, name="mine", prompt="oil", cover_name=image.image_name)
    create_wildcard(user=user, name="colour", values=["red"])
    create_workflow(user=user, name="Mine")
    request_install(user=user, source="some/model", wanted={})
    make_model(user)
    make_provider_key(user)
    make_provider_call(user)
    ContentAppeal.objects.create(user=user, job_id=job.id, digest="0" * 64, reason="Why?")
    Notice.objects.create(user=user, kind="low_credits", key="k", due_at=timezone.now())
    user.groups.add(Group.objects.create(name="some"))
    user.user_permissions.add(Permission.objects.all()[0])
    for actor in (staff, user):
        LogEntry.objects.create(
            user=actor,
            content_type=ContentType.objects.get_for_model(User),
            object_id=str(user.id),
            object_repr=str(user),
            action_flag=CHANGE,
            change_message=f"wrote to {EMAIL}",
        )
    request_archive(user=user, board="all", quality=90)
    request_export(user=user)
    assert run_next_request() == 1
    grant_tester_plan(user=user, actor=staff, days=10, reason="tries the new models")
    make_payment(user)
    default_storage.save(f"models/users/{user.id}/own/model.safetensors", ContentFile(b"x"))
    default_storage.save(f"users/{user.id}/uploads/{uuid.uuid4()}.png", ContentFile(b"x"))
    make_sample(make_run(user, make_set(user)))
    api = APIClient()
    api.force_login(user)
    assert upload(api, make_canvas(api)).status_code == 201


@pytest.fixture
def ada(db: None) -> User:
    return make_user(EMAIL, name=NAME, avatar_url="https://example.com/ada.png")


def sessions_of(user: User) -> int:
    return sum(
        str(user.pk) in json.dumps(session.get_decoded()) for session in Session.objects.all()
    )


def rows_of(table: str, user: User) -> int:
    column = OWNER_COLUMNS.get(table, "user_id")
    with connection.cursor() as cursor:
        names = [sql.Identifier(name) for name in (table, column)]
        cursor.execute(_OWN_ROWS.format(*names), [user.id])
        return int(cursor.fetchone()[0])


def test_nothing_is_left_of_an_account_with_everything(
    ada: User, stranger: User, starter: GenerationModel
) -> None:
    staff = User.objects.create_superuser("staff@example.com", PASSWORD)
    fill(ada, stranger, staff, starter)
    browser = Client()
    browser.post("/accounts/sign-in/", {"username": EMAIL, "password": PASSWORD})
    for page in ("/create/", "/gallery/", "/boards/", "/account/data/"):
        assert browser.get(page).status_code == 200
    cache.set(f"images:list:{ada.id}", "version")
    filled = {table for table in tenant_tables() if rows_of(table, ada)}
    assert tenant_tables() - filled == set(), "give the user of this test one of each"
    before = find_traces(user_id=ada.id, words=[EMAIL, NAME])
    assert before.files
    assert before.cache_keys
    assert sessions_of(ada) == 2
    theirs = find_traces(user_id=stranger.id).rows

    request_deletion(user=ada, email=EMAIL)
    assert run_next_request() == 1
    delete_purged_files()

    left = find_traces(user_id=ada.id, words=[EMAIL, NAME, "ada.png"])
    assert (left.unexpected_rows, left.files, left.cache_keys) == ({}, [], [])
    assert left.rows.keys() <= STAYS.keys()
    assert find_traces(user_id=uuid.uuid4(), words=[EMAIL, NAME]).rows == {}
    assert sessions_of(ada) == 0
    # But for the board that Ada was a member of, and the one that was shared by her.
    kept = find_traces(user_id=stranger.id).rows
    assert {t: n for t, n in theirs.items() if kept.get(t) != n}.keys() <= {"boards_boardmember"}


@pytest.mark.django_db
def test_every_table_of_tenants_is_deleted_from_or_stays_for_a_reason() -> None:
    deleted_from = {m._meta.db_table for m in tenant_models() if not m.outlives_account}
    outlive = {m._meta.db_table for m in tenant_models() if m.outlives_account}

    assert tenant_tables() == deleted_from | STAYS.keys() | JOINS
    assert not deleted_from & STAYS.keys()
    assert outlive <= STAYS.keys()
    for table, reason in STAYS.items():
        assert reason, table
    assert {m._meta.db_table for m in apps.get_models()} >= STAYS.keys()


@pytest.mark.parametrize("place", ["a row", "a file", "a key"])
def test_what_was_forgotten_is_found(
    place: str, ada: User, capsys: pytest.CaptureFixture[str]
) -> None:
    request_deletion(user=ada, email=EMAIL)
    run_next_request()
    call_command("account_traces", str(ada.id), "--word", EMAIL)
    out = capsys.readouterr()
    assert "LEFT OVER" not in out.out
    assert "accounts_user: 1 (" in out.out
    if place == "a row":
        Notice.objects.create(
            user=ada, kind="low_credits", key="k", due_at=timezone.now() + timedelta(days=1)
        )
        named = "plans_notice: 1 (LEFT OVER)"
    elif place == "a file":
        named = default_storage.save(f"users/{ada.id}/images/x.png", ContentFile(b"x"))
    else:
        cache.set(f"plan:{ada.id}", "pro")
        named = f"plan:{ada.id}"

    with pytest.raises(CommandError, match="Something is left") as failure:
        call_command("account_traces", str(ada.id))

    assert failure.value.returncode == 1
    assert named in capsys.readouterr().out


def test_words_are_looked_for_as_they_are(ada: User, capsys: pytest.CaptureFixture[str]) -> None:
    assert find_traces(user_id=uuid.uuid4(), words=["ada_lovelace"]).rows == {}
    assert find_traces(user_id=uuid.uuid4(), words=["a%@example.com"]).rows == {}
    assert find_traces(user_id=uuid.uuid4(), words=["ADA.LOVELACE@"]).rows == {"accounts_user": 1}

    with pytest.raises(CommandError):
        call_command("account_traces", str(ada.id), "--json")
    facts = json.loads(capsys.readouterr().out)
    assert (facts["rows"]["accounts_user"], facts["nothing_left"]) == (1, False)


def test_what_staff_did_to_others_stays_as_it_was_written(ada: User) -> None:
    staff = make_user("staff@example.com", is_staff=True)
    longer = [f"big{EMAIL}", f"{EMAIL}.kr", f"x.{EMAIL}"]
    for address in (*longer, EMAIL, EMAIL.upper()):
        LogEntry.objects.create(
            user=staff,
            content_type=ContentType.objects.get_for_model(User),
            object_repr=address,
            action_flag=CHANGE,
            change_message=f"Wrote to <{address}>.",
        )

    with service_scope("close an account in a test"):
        close_account(user_id=ada.id)

    closed = f"deleted-{ada.id}@deleted.invalid"
    assert list(LogEntry.objects.order_by("pk").values_list("object_repr", "change_message")) == [
        *((address, f"Wrote to <{address}>.") for address in longer),
        *((closed, f"Wrote to <{closed}>.") for _ in range(2)),
    ]
