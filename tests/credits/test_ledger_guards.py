"""What PostgreSQL refuses, whatever Python asks for: raw SQL as each login of the product."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.utils import timezone
from psycopg.errors import (
    CheckViolation,
    ForeignKeyViolation,
    InsufficientPrivilege,
    UniqueViolation,
)
from pytest_django import DjangoDbBlocker

from apps.accounts.models import User
from apps.credits.models import Grant
from apps.credits.services.grants import add_grant
from apps.credits.services.ledger import settle_hold
from apps.plans.products import CreditSource
from tests.credits.books import broken_rules, connected_as
from tests.credits.moves import hold_for
from tests.factories import make_user

# The service role is reached through the login of the operations side alone.
LOGINS = ("web", "worker", "ops", "service")
KINDS = ("grant", "hold", "settle", "release", "expire", "revoke", "refund")
MAY_POST = {
    "web": {"hold", "release"},
    "worker": {"settle", "release"},
    "ops": {"hold", "settle", "release"},
    "service": set(KINDS),
}


# So that there is a database for the books, which are not of any test's transaction.
pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Books:
    """Two users with their trials; the first has two grants more, and two holds over them."""

    user: uuid.UUID
    stranger: uuid.UUID
    without_trial: uuid.UUID
    # Of 10 and 100 credits. The first ends sooner, and all of it is held.
    soon: uuid.UUID
    late: uuid.UUID
    theirs: uuid.UUID
    # 15 credits of both grants; 8 of the second, of which 5 were charged. 4 more of it are spent.
    open: uuid.UUID
    settled: uuid.UUID


@pytest.fixture(scope="module")
def books(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Books]:
    """Books that are committed; every test rolls back what it does to them."""
    with django_db_blocker.unblock():
        yield _make_books()
        call_command("flush", verbosity=0, interactive=False)


def _make_books() -> Books:
    user = User.objects.create_user("owner@example.com", "a long enough password")
    nobody = User.objects.create_user("nobody@example.com", "a long enough password")
    stranger = make_user("stranger@example.com")
    now = timezone.now()
    soon, late = (
        add_grant(
            user_id=user.id,
            source=CreditSource.PACK,
            amount=amount,
            valid_from=now,
            valid_until=now + timedelta(days=days),
            key=str(days),
        )
        for amount, days in ((10, 1), (100, 9))
    )
    held = hold_for(user_id=user.id, job_id=uuid.uuid4(), amount=15)
    for amount, charge in ((4, 4), (8, 5)):
        settled = hold_for(user_id=user.id, job_id=uuid.uuid4(), amount=amount)
        settle_hold(user_id=user.id, job_id=settled.job_id, charge=charge)
    return Books(
        user=user.id,
        stranger=stranger.id,
        without_trial=nobody.id,
        soon=soon.id,
        late=late.id,
        theirs=Grant.objects.get(user=stranger).id,
        open=held.id,
        settled=settled.id,
    )


@contextmanager
def signed_in(login: str, tenant: uuid.UUID) -> Iterator[psycopg.Connection[Any]]:
    """Work as a login for a tenant, or as the service role; nothing of it stays."""
    name = "ops" if login == "service" else login
    with connected_as(name) as raw, raw.transaction(force_rollback=True):
        raw.execute("SELECT set_config('app.current_user_id', %s, true)", [str(tenant)])
        if login == "service":
            raw.execute("SET LOCAL ROLE easel_service")
        yield raw


def post(raw: psycopg.Connection[Any], user: uuid.UUID, **columns: Any) -> None:
    """Insert a posting; what is left out is nothing."""
    values = {
        "user_id": user,
        "hold_id": None,
        "available": 0,
        "held": 0,
        "spent": 0,
        "closed": 0,
        "usable_until": None,
    } | columns
    raw.execute(
        "INSERT INTO credits_posting (id, user_id, kind, grant_id, hold_id, available, held,"
        " spent, closed, usable_until, reason, created_at, updated_at) VALUES"
        " (gen_random_uuid(), %(user_id)s, %(kind)s, %(grant_id)s, %(hold_id)s, %(available)s,"
        " %(held)s, %(spent)s, %(closed)s, %(usable_until)s, '', now(), now())",
        values,
    )


def make_hold(raw: psycopg.Connection[Any], user: uuid.UUID, amount: int) -> uuid.UUID:
    hold_id = uuid.uuid4()
    raw.execute(
        "INSERT INTO credits_hold (id, user_id, job_id, amount, created_at, updated_at)"
        " VALUES (%s, %s, gen_random_uuid(), %s, now(), now())",
        [hold_id, user, amount],
    )
    return hold_id


def make_grant(raw: psycopg.Connection[Any], user: uuid.UUID, total: int) -> uuid.UUID:
    grant_id = uuid.uuid4()
    raw.execute(
        "INSERT INTO credits_grant (id, user_id, source, total, valid_from, valid_until,"
        " idempotency_key, plan, paid_cents, reason, created_at, updated_at) VALUES"
        " (%s, %s, 'gift', %s, now(), now() + interval '1 day', 'forged', '', 0, '', now(),"
        " now())",
        [grant_id, user, total],
    )
    return grant_id


def end_transaction(raw: psycopg.Connection[Any]) -> None:
    """Have everything checked that is checked when a transaction ends."""
    raw.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("table", ["grant", "hold", "posting", "usagerecord"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET created_at = created_at", "DELETE FROM {}"])
def test_nobody_changes_what_is_written(
    books: Books, login: str, table: str, statement: str
) -> None:
    if table == "usagerecord":
        # An empty table would let a statement that touches no row pass.
        return _check_usage(books, login, statement)
    with signed_in(login, books.user) as raw, pytest.raises(InsufficientPrivilege):
        raw.execute(statement.format(f"credits_{table}"))
    return None


def _check_usage(books: Books, login: str, statement: str) -> None:
    with signed_in("service", books.user) as raw:
        raw.execute(
            "INSERT INTO credits_usagerecord (id, user_id, job_id, action_type, model_used,"
            " gpu_tier, steps, width, height, batch_size, compute_seconds, is_whole,"
            " credits_consumed, created_at, updated_at) VALUES (gen_random_uuid(), %s,"
            " gen_random_uuid(), 'generation', 'm', 'basic', 1, 64, 64, 1, 1, true, 1, now(),"
            " now())",
            [books.user],
        )
        if login != "service":
            assert not raw.execute(
                "SELECT has_table_privilege(%s, 'credits_usagerecord', %s)",
                [f"easel_{login}", statement.split()[0]],
            ).fetchone()[0]  # type: ignore[index]
            return
        with pytest.raises(InsufficientPrivilege, match="stay as they are"):
            raw.execute(statement.format("credits_usagerecord"))


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("table", ["account", "grant", "grantbalance", "hold", "posting"])
def test_nobody_empties_a_table(books: Books, login: str, table: str) -> None:
    with signed_in(login, books.user) as raw, pytest.raises(InsufficientPrivilege):
        raw.execute(f"TRUNCATE credits_{table} CASCADE")


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE credits_grantbalance SET available = available + 1000",
        "UPDATE credits_grantbalance SET usable_until = usable_until + interval '1 year'",
        "DELETE FROM credits_grantbalance",
        """
        INSERT INTO credits_grantbalance (id, user_id, grant_id, available, held, spent, closed,
            usable_from, usable_until, created_at, updated_at)
        SELECT gen_random_uuid(), user_id, id, 1000, 0, 0, 0, now(), now(), now(), now()
        FROM credits_grant
        """,
    ],
)
def test_nobody_writes_a_balance_by_hand(books: Books, login: str, statement: str) -> None:
    with (
        signed_in(login, books.user) as raw,
        pytest.raises(InsufficientPrivilege, match=r"permission denied|from postings alone"),
    ):
        raw.execute(statement)


@pytest.mark.parametrize("login", ["web", "worker"])
def test_a_serving_login_takes_no_other_role(books: Books, login: str) -> None:
    for role in ("easel_service", "easel_owner", "easel_ops"):
        with signed_in(login, books.user) as raw, pytest.raises(InsufficientPrivilege):
            raw.execute(f"SET ROLE {role}")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("login", LOGINS)
def test_a_login_posts_the_kinds_of_its_work_alone(books: Books, login: str, kind: str) -> None:
    # All of nothing, so that those who may are refused for that.
    with signed_in(login, books.user) as raw, pytest.raises(psycopg.Error) as refused:
        post(raw, books.user, kind=kind, grant_id=books.late, hold_id=books.open)

    may = kind in MAY_POST[login]
    assert type(refused.value) is (CheckViolation if may else InsufficientPrivilege)
    assert f"may not post a {kind}" in str(refused.value) or may


@pytest.mark.parametrize("login", ["web", "worker", "ops"])
def test_only_the_service_role_gives_credits(books: Books, login: str) -> None:
    with (
        signed_in(login, books.user) as raw,
        pytest.raises(InsufficientPrivilege, match="permission denied for table credits_grant"),
    ):
        make_grant(raw, books.user, 1000)


def test_a_worker_holds_nothing(books: Books) -> None:
    with signed_in("worker", books.user) as raw, pytest.raises(InsufficientPrivilege):
        raw.execute(
            "SELECT easel_hold_credits(%s, gen_random_uuid(), gen_random_uuid(), 1, NULL, now())",
            [books.user],
        )


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        ("hold", {"available": -5, "held": 6}),
        ("hold", {"available": 5, "held": -5}),
        ("settle", {"held": -15, "spent": 16}),
        ("settle", {"held": -15, "spent": 20, "available": -5}),
        ("settle", {"held": -15, "spent": -1, "available": 16}),
        ("release", {"held": -15, "available": 16}),
        ("release", {"held": -15, "available": 10, "spent": 5}),
        ("refund", {"spent": -5, "available": 5}),
        ("expire", {"available": -5, "spent": 5}),
        ("revoke", {"available": 5, "closed": -5}),
        ("grant", {"available": 0}),
        ("steal", {"available": 5}),
    ],
)
def test_a_posting_balances(books: Books, kind: str, columns: dict[str, int]) -> None:
    hold_id = None if kind in {"grant", "expire", "revoke"} else books.open
    with (
        signed_in("service", books.user) as raw,
        pytest.raises(CheckViolation, match="credits_posting_shape"),
    ):
        post(raw, books.user, kind=kind, grant_id=books.late, hold_id=hold_id, **columns)


class TestHolds:
    def test_need_their_parts(self, books: Books) -> None:
        with signed_in("web", books.user) as raw:
            make_hold(raw, books.user, 5)
            with pytest.raises(CheckViolation, match="add up to it"):
                end_transaction(raw)

    def test_are_no_larger_and_no_smaller_than_their_parts(self, books: Books) -> None:
        for part in (4, 6):
            with signed_in("web", books.user) as raw:
                made = make_hold(raw, books.user, 5)
                mine = {"kind": "hold", "grant_id": books.late, "hold_id": made}
                post(raw, books.user, **mine, available=-part, held=part)
                with pytest.raises(CheckViolation, match=r"add up to it|made and resolved whole"):
                    end_transaction(raw)

    def test_get_no_part_later(self, books: Books) -> None:
        with signed_in("web", books.user) as raw:
            late = {"kind": "hold", "grant_id": books.late, "hold_id": books.settled}
            with pytest.raises(UniqueViolation):
                post(raw, books.user, **late, available=-1, held=1)
        with signed_in("service", books.user) as raw:
            given = make_grant(raw, books.user, 9)
            post(raw, books.user, kind="grant", grant_id=given, available=9)
            mine = {"kind": "hold", "grant_id": given, "hold_id": books.open}
            post(raw, books.user, **mine, available=-1, held=1)
            with pytest.raises(CheckViolation, match="made and resolved whole"):
                end_transaction(raw)

    def test_take_no_more_than_there_is(self, books: Books) -> None:
        with signed_in("web", books.user) as raw:
            made = make_hold(raw, books.user, 1000)
            mine = {"kind": "hold", "grant_id": books.late, "hold_id": made}
            with pytest.raises(CheckViolation, match="credits_grantbalance_available_check"):
                post(raw, books.user, **mine, available=-1000, held=1000)

    def test_take_nothing_of_another_users_grant(self, books: Books) -> None:
        with signed_in("web", books.user) as raw:
            made = make_hold(raw, books.user, 5)
            foreign = {"kind": "hold", "grant_id": books.theirs, "hold_id": made}
            with pytest.raises(ForeignKeyViolation, match="credits_posting_grant_id_of_tenant"):
                post(raw, books.user, **foreign, available=-5, held=5)
        with signed_in("web", books.user) as raw:
            foreign = {"kind": "hold", "grant_id": books.theirs, "hold_id": books.open}
            with pytest.raises(InsufficientPrivilege, match="row-level security"):
                post(raw, books.stranger, **foreign, available=-5, held=5)

    def test_do_not_begin_resolved(self, books: Books) -> None:
        with signed_in("ops", books.user) as raw:
            made = make_hold(raw, books.user, 5)
            mine = {"kind": "settle", "grant_id": books.late, "hold_id": made}
            with pytest.raises(CheckViolation):
                post(raw, books.user, **mine, available=0, held=-5, spent=5)


class TestResolutions:
    def test_come_once(self, books: Books) -> None:
        second = {"grant_id": books.late, "hold_id": books.settled, "held": -8}
        for kind, rest in (("release", {"available": 8}), ("settle", {"spent": 8})):
            with signed_in("worker", books.user) as raw, pytest.raises(UniqueViolation):
                post(raw, books.user, kind=kind, **second, **rest)

    def test_are_whole(self, books: Books) -> None:
        with signed_in("worker", books.user) as raw:
            half = {"kind": "settle", "grant_id": books.soon, "hold_id": books.open}
            post(raw, books.user, **half, held=-10, spent=10)
            with pytest.raises(CheckViolation, match="made and resolved whole"):
                end_transaction(raw)

    @pytest.mark.parametrize("held", [-4, -6, -100])
    def test_are_of_what_was_held(self, books: Books, held: int) -> None:
        with signed_in("web", books.user) as raw:
            part = {"kind": "release", "grant_id": books.late, "hold_id": books.open}
            with pytest.raises(CheckViolation):
                post(raw, books.user, **part, held=held, available=-held)

    def test_prolong_a_grant_by_a_week_at_most(self, books: Books) -> None:
        part = {"kind": "release", "grant_id": books.soon, "hold_id": books.open}
        part |= {"held": -10, "available": 10}
        for days, refused in ((7, False), (9, True), (9999, True)):
            end = timezone.now() + timedelta(days=1 + days, minutes=-1)
            with signed_in("web", books.user) as raw:
                if not refused:
                    post(raw, books.user, **part, usable_until=end)
                    continue
                with pytest.raises(CheckViolation, match="by a week at most"):
                    post(raw, books.user, **part, usable_until=end)

    def test_alone_prolong_a_grant(self, books: Books) -> None:
        with signed_in("web", books.user) as raw:
            made = make_hold(raw, books.user, 5)
            mine = {"kind": "hold", "grant_id": books.late, "hold_id": made}
            with pytest.raises(CheckViolation, match="credits_posting_moves_end"):
                post(raw, books.user, **mine, available=-5, held=5, usable_until=timezone.now())


class TestGrants:
    def test_begin_with_their_posting(self, books: Books) -> None:
        with signed_in("service", books.user) as raw:
            make_grant(raw, books.user, 100)
            with pytest.raises(CheckViolation, match="begins with its posting"):
                end_transaction(raw)

    def test_begin_whole(self, books: Books) -> None:
        with signed_in("service", books.user) as raw:
            given = make_grant(raw, books.user, 100)
            with pytest.raises(CheckViolation, match="begins it whole"):
                post(raw, books.user, kind="grant", grant_id=given, available=101)

    def test_begin_once(self, books: Books) -> None:
        with signed_in("service", books.user) as raw, pytest.raises(UniqueViolation):
            post(raw, books.user, kind="grant", grant_id=books.late, available=100)

    def test_close_no_more_than_there_is(self, books: Books) -> None:
        with signed_in("service", books.user) as raw, pytest.raises(CheckViolation):
            post(raw, books.user, kind="expire", grant_id=books.late, available=-1000, closed=1000)

    @pytest.mark.parametrize("amount", [500, 1000])
    def test_of_a_trial_come_once(self, books: Books, amount: int) -> None:
        with signed_in("web", books.stranger) as raw:
            found = raw.execute("SELECT easel_grant_trial_credits(%s)", [amount]).fetchone()
            total = raw.execute("SELECT sum(available) FROM credits_grantbalance").fetchone()

        assert (found, total) == ((False,), (500,))

    def test_of_a_trial_need_a_trial_and_are_no_fortune(self, books: Books) -> None:
        for tenant, amount in ((books.without_trial, 500), (books.stranger, 1001)):
            with signed_in("web", tenant) as raw:
                found = raw.execute("SELECT easel_grant_trial_credits(%s)", [amount]).fetchone()
                assert found == (False,)


class TestRefunds:
    def test_never_exceed_the_charge(self, books: Books) -> None:
        mine = {"kind": "refund", "grant_id": books.late, "hold_id": books.settled}
        with signed_in("service", books.user) as raw:
            post(raw, books.user, **mine, spent=-5, closed=5)
            with pytest.raises(CheckViolation, match="than was charged"):
                post(raw, books.user, **mine, spent=-1, closed=1)

    def test_need_a_charge(self, books: Books) -> None:
        mine = {"kind": "refund", "grant_id": books.late, "hold_id": books.open}
        with signed_in("service", books.user) as raw, pytest.raises(CheckViolation):
            post(raw, books.user, **mine, spent=-1, closed=1)

    def test_are_taken_from_the_grant_that_was_charged(self, books: Books) -> None:
        mine = {"kind": "refund", "grant_id": books.soon, "hold_id": books.settled}
        with signed_in("service", books.user) as raw, pytest.raises(CheckViolation):
            post(raw, books.user, **mine, spent=-1, closed=1)


@pytest.mark.parametrize("login", ["web", "worker", "ops"])
def test_nobody_locks_or_moves_the_credits_of_another(books: Books, login: str) -> None:
    calls = (
        "SELECT easel_lock_credits(%s)",
        "SELECT easel_hold_credits(%s, gen_random_uuid(), gen_random_uuid(), 1, NULL, now())",
        "SELECT easel_resolve_hold(%s, gen_random_uuid(), 'release', 0, now(), '1 day', '1 day')",
    )
    for call in calls:
        with (
            signed_in(login, books.user) as raw,
            pytest.raises(InsufficientPrivilege, match="of another user"),
        ):
            raw.execute(call, [books.stranger])


def test_the_books_are_whole(books: Books) -> None:
    with connected_as("ops") as raw:
        assert broken_rules(raw) == {}
