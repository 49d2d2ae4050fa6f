"""Any interleaving of grants, holds, resolutions, refunds, the end of grants, and crashes.

Hypothesis draws the acts, and which of them happen at once on connections of their own. A model
says what must come of them: of acts at once, what comes of some order of them. After every step
the rules of DESIGN §5 are asked of PostgreSQL by SQL that shares nothing with the product.
"""

import copy
import itertools
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, connection
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from apps.accounts.models import User
from apps.core.errors import Invalid, NotFound, PaymentRequired
from apps.core.tenancy import service_scope, tenant_scope
from apps.credits.services.grants import add_grant, expire_grants, refund_job, withdraw_grant
from apps.credits.services.ledger import release_hold, settle_hold
from apps.plans.products import CreditSource
from tests.credits.books import broken_rules, connected_as, without_lock
from tests.credits.ledger_model import Model, Outcome
from tests.credits.moves import hold_for

pytestmark = pytest.mark.django_db(transaction=True)

USERS = 2
CREW = 3
JOBS = [uuid.UUID(int=number) for number in range(4)]
NAMES = ["give", "hold", "settle", "release", "withdraw", "refund", "expire"]
KEYS = ["a", "b", "c"]
TABLES = "credits_posting, credits_grantbalance, credits_hold, credits_grant, credits_account"


class Crash(Exception):
    """The process ended between two statements."""


@dataclass(frozen=True)
class Act:
    """Something done to the books: by the product, and by the model."""

    name: str
    user: int = 0
    job: uuid.UUID = JOBS[0]
    key: str = "a"
    amount: int = 1
    days: int = 1
    starts_in: int = 0
    in_all: int | None = None

    def __repr__(self) -> str:
        return f"{self.name}({self.user}, {self.job.int}, {self.key!r}, {self.amount})"


@dataclass(frozen=True)
class CrashPoint:
    """After how many statements the process ends, and whether PostgreSQL ends its connection."""

    statements: int
    is_terminated: bool


acts = st.builds(
    Act,
    name=st.sampled_from([*3 * ["hold"], *2 * ["settle"], *NAMES]),
    user=st.integers(0, USERS - 1),
    job=st.sampled_from(JOBS),
    key=st.sampled_from(KEYS),
    amount=st.integers(1, 12),
    days=st.integers(1, 4),
    starts_in=st.sampled_from([0, 0, 0, 1]),
    in_all=st.none() | st.integers(1, 15),
)
racing_acts = st.builds(
    Act,
    name=st.sampled_from(["hold", "hold", "settle", "release"]),
    job=st.sampled_from(JOBS),
    amount=st.integers(3, 12),
)
crash_points = st.builds(CrashPoint, statements=st.integers(1, 14), is_terminated=st.booleans())


class LedgerMachine(RuleBasedStateMachine):
    """The product on real connections, and beside it the model."""

    # So long a transaction stays open when others want the same.
    pause = 0.004
    # Set by the test: the time of the product, and the users, who are there for all examples.
    clock: Callable[[], Any]
    users: list[User]
    actor: User

    def __init__(self) -> None:
        super().__init__()
        self.model = Model(USERS)
        self.crew = [ThreadPoolExecutor(1) for _ in range(CREW)]
        self.raw = psycopg.connect(**_login("ops"), autocommit=True)
        LedgerMachine.clock = lambda: self.model.now

    def teardown(self) -> None:
        for member in self.crew:
            # In the thread whose connection it is.
            member.submit(lambda: connection.close()).result()
            member.shutdown()
        self.raw.close()
        with connected_as("owner") as owner:
            owner.execute(f"TRUNCATE {TABLES}")

    @initialize(amounts=st.lists(st.integers(1, 12), min_size=2, max_size=3))
    def begin_with_credits(self, amounts: list[int]) -> None:
        for user in range(USERS):
            for number, amount in enumerate(amounts):
                act = Act("give", user=user, key=KEYS[number], amount=amount, days=number + 1)
                self.do(act, member=0)

    @rule(hours=st.sampled_from([6, 20, 24, 30, 24 * 8]))
    def wait(self, hours: int) -> None:
        self.model.now += timedelta(hours=hours)

    @rule(act=acts, member=st.integers(0, CREW - 1))
    def do(self, act: Act, member: int) -> None:
        outcome = self.crew[member].submit(self.perform, act).result()
        self.learn_ids()
        assert outcome == follow(self.model, act)

    @rule(number=st.integers(0, 9), charge=st.integers(0, 12), late=st.sampled_from([0, 30, 60]))
    def end_an_open_hold(self, number: int, charge: int, late: int) -> None:
        """Charge a hold, perhaps after the end of its grants; 0 releases it."""
        open_holds = [
            (user, job)
            for user, account in enumerate(self.model.accounts)
            for job, hold in account.holds.items()
            if hold.resolved is None
        ]
        if open_holds:
            self.wait(late)
            user, job = open_holds[number % len(open_holds)]
            name = "settle" if charge else "release"
            self.do(Act(name, user=user, job=job, amount=charge), member=number % CREW)

    @rule(act=acts, times=st.integers(2, 3))
    def deliver_again(self, act: Act, times: int) -> None:
        for member in range(times):
            self.do(act, member=member)

    @rule(act=acts, member=st.integers(0, CREW - 1), point=crash_points)
    def crash(self, act: Act, member: int, point: CrashPoint) -> None:
        outcome = self.crew[member].submit(self.perform_until, act, point).result()
        self.learn_ids()
        if outcome != ("crashed",):
            assert outcome == follow(self.model, act)
        elif act.name == "expire":
            # Each grant is closed by itself: the next sweep closes those that are left.
            self.do(act, member=0)

    @rule(at_once=st.lists(acts, min_size=2, max_size=CREW))
    def do_at_once(self, at_once: list[Act]) -> None:
        self.do_together(at_once)

    def do_together(self, at_once: Sequence[Act]) -> None:
        start = threading.Barrier(len(at_once))
        doing = [
            member.submit(self.perform_with, act, start)
            for member, act in zip(self.crew, at_once, strict=False)
        ]
        outcomes = [each.result() for each in doing]
        # A sweep that runs beside others may miss what comes back behind it.
        if any(act.name == "expire" for act in at_once):
            self.crew[0].submit(self.perform, Act("expire")).result()
        self.learn_ids()
        self.model = self.explained(at_once, outcomes)

    def explained(self, at_once: Sequence[Act], outcomes: Sequence[Outcome]) -> Model:
        """Return the model after that order of the acts which explains what came of them."""
        found = self.books()
        for order in itertools.permutations(range(len(at_once))):
            model = copy.deepcopy(self.model)
            agreed = all(follow(model, at_once[each]) == outcomes[each] for each in order)
            if any(act.name == "expire" for act in at_once):
                model.expire()
            if agreed and expected_books(model) == found:
                return model
        raise AssertionError(f"no order explains {list(zip(at_once, outcomes, strict=True))}")

    @invariant()
    def rules_hold(self) -> None:
        assert broken_rules(self.raw) == {}

    @invariant()
    def every_credit_is_where_the_model_has_it(self) -> None:
        assert self.books() == expected_books(self.model)

    def books(self) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """Return where the credits of each grant are, and what each hold has of it."""
        numbers = {user.id: number for number, user in enumerate(self.users)}
        with self.raw.transaction():
            self.raw.execute("SET LOCAL ROLE easel_service")
            balances = self.raw.execute(
                "SELECT given.user_id, given.idempotency_key, balance.available, balance.held,"
                " balance.spent, balance.closed, balance.usable_until"
                " FROM credits_grantbalance balance JOIN credits_grant given"
                " ON given.id = balance.grant_id"
            ).fetchall()
            parts = self.raw.execute(
                "SELECT hold.user_id, hold.job_id, given.idempotency_key,"
                " sum(part.held) FILTER (WHERE part.kind = 'hold'), sum(part.spent)"
                " FROM credits_hold hold JOIN credits_posting part ON part.hold_id = hold.id"
                " JOIN credits_grant given ON given.id = part.grant_id GROUP BY 1, 2, 3"
            ).fetchall()
        return {(numbers[owner], key): tuple(rest) for owner, key, *rest in balances} | {
            (numbers[owner], job, key): (held, spent) for owner, job, key, held, spent in parts
        }

    def learn_ids(self) -> None:
        numbers = {user.id: number for number, user in enumerate(self.users)}
        with self.raw.transaction():
            self.raw.execute("SET LOCAL ROLE easel_service")
            rows = self.raw.execute("SELECT user_id, idempotency_key, id FROM credits_grant")
            self.model.ids = {(numbers[owner], key): given for owner, key, given in rows}

    def perform(self, act: Act, *, pause: float = 0) -> Outcome:
        """Do it as the product does; return what came of it."""
        user = self.users[act.user]
        try:
            if act.name == "expire":
                expire_grants()
                return ("expired",)
            with scope_of(act, user):
                outcome = self.move(act, user)
                # Whoever does not wait for this transaction decides on what was before it.
                time.sleep(pause)
        except PaymentRequired as error:
            available = error.numbers["available"]
            assert isinstance(available, int)
            return "too few", available
        except IntegrityError:
            return ("held before",)
        except NotFound:
            return ("nothing held",)
        except Invalid:
            return ("too much",)
        return outcome

    def move(self, act: Act, user: User) -> Outcome:
        if act.name == "give":
            start = self.model.now + timedelta(days=act.starts_in)
            grant = add_grant(
                user_id=user.id,
                source=CreditSource.PACK,
                amount=act.amount,
                valid_from=start,
                valid_until=start + timedelta(days=act.days),
                key=act.key,
            )
            return "given", grant.total
        if act.name == "hold":
            hold_for(user_id=user.id, job_id=act.job, amount=act.amount)
            return ("held",)
        if act.name == "withdraw":
            taken = withdraw_grant(
                user_id=user.id, key=act.key, reason="taken back", in_all=act.in_all
            )
            return "withdrawn", taken
        if act.name == "refund":
            grant = refund_job(
                user_id=user.id,
                job_id=act.job,
                amount=act.amount,
                reason="it was our fault",
                actor=self.actor,
            )
            return "refunded", grant.total
        if act.name == "settle":
            end = settle_hold(user_id=user.id, job_id=act.job, charge=act.amount)
        else:
            end = release_hold(user_id=user.id, job_id=act.job)
        return "resolved", end.charged, end.released

    def perform_with(self, act: Act, start: threading.Barrier) -> Outcome:
        connection.ensure_connection()
        start.wait(timeout=30)
        return self.perform(act, pause=self.pause)

    def perform_until(self, act: Act, point: CrashPoint) -> Outcome:
        left = point.statements
        has_crashed = False

        def count(execute: Callable[..., Any], *arguments: Any) -> Any:
            nonlocal left, has_crashed
            result = execute(*arguments)
            left -= 1
            if left == 0:
                has_crashed = True
                if not point.is_terminated:
                    raise Crash
                self.end_connection(connection.connection.info.backend_pid)
            return result

        try:
            with connection.execute_wrapper(count):
                outcome = self.perform(act)
        except (Crash, DatabaseError):
            assert has_crashed
            return ("crashed",)
        finally:
            if has_crashed:
                connection.close()
        # A refusal that was the last statement has changed nothing either.
        return outcome

    def end_connection(self, backend_pid: int) -> None:
        self.raw.execute("SELECT pg_terminate_backend(%s, 5000)", [backend_pid])


class RacingMachine(LedgerMachine):
    """Only what happens at once, to one user."""

    pause = 0.03
    wait = end_an_open_hold = deliver_again = crash = do_at_once = None  # type: ignore[assignment]

    @rule(at_once=st.lists(racing_acts, min_size=CREW, max_size=CREW))
    def race(self, at_once: list[Act]) -> None:
        self.do_together(at_once)


@contextmanager
def scope_of(act: Act, user: User) -> Iterator[None]:
    """Work as who does such things: users and workers for themselves, others across tenants."""
    crosses = act.name in {"give", "withdraw", "refund"}
    with service_scope("test") if crosses else tenant_scope(user.id):
        yield


def follow(model: Model, act: Act) -> Outcome:
    """Let the model do what the product did."""
    if act.name == "give":
        start = model.now + timedelta(days=act.starts_in)
        end = start + timedelta(days=act.days)
        return model.give(act.user, act.key, "pack", act.amount, start, end)
    if act.name == "hold":
        return model.hold(act.user, act.job, act.amount)
    if act.name in {"settle", "release"}:
        charge = act.amount if act.name == "settle" else 0
        return model.resolve(act.user, act.job, charge)
    if act.name == "withdraw":
        return model.withdraw(act.user, act.key, act.in_all)
    if act.name == "refund":
        return model.refund(act.user, act.job, act.amount)
    return model.expire()


def expected_books(model: Model) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    books: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for number, account in enumerate(model.accounts):
        for key, grant in account.grants.items():
            books[number, key] = (*grant.heaps, grant.usable_until)
        for job, hold in account.holds.items():
            for key, held in hold.parts.items():
                books[number, job, key] = (held, hold.spent.get(key, 0))
    return books


def _login(name: str) -> dict[str, Any]:
    with connected_as(name) as raw:
        info = raw.info
        return {
            "host": info.host,
            "port": info.port,
            "dbname": info.dbname,
            "user": info.user,
            "password": info.password,
        }


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> type[LedgerMachine]:
    users = [
        User.objects.create_user(f"user{number}@example.com", "a long enough password")
        for number in range(USERS + 1)
    ]
    monkeypatch.setattr(LedgerMachine, "users", users[:USERS], raising=False)
    monkeypatch.setattr(LedgerMachine, "actor", users[USERS], raising=False)
    monkeypatch.setattr(LedgerMachine, "clock", timezone.now, raising=False)
    real_now = timezone.now
    monkeypatch.setattr(
        timezone, "now", lambda: LedgerMachine.clock() if _in_crew() else real_now()
    )
    return LedgerMachine


def _in_crew() -> bool:
    return threading.current_thread() is not threading.main_thread()


def run(machine: type[LedgerMachine], *, examples: int, steps: int, **options: Any) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            **options,
        ),
    )


def test_the_books_are_right_after_every_step(machine: type[LedgerMachine]) -> None:
    run(machine, examples=12, steps=16, derandomize=True, phases=[Phase.generate])


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_books_are_right_after_very_many_steps(machine: type[LedgerMachine]) -> None:
    run(machine, examples=100, steps=40)


def test_acts_at_once_are_right_with_the_lock_and_wrong_without(
    machine: type[LedgerMachine],
) -> None:
    def race() -> None:
        run(
            RacingMachine,
            examples=6,
            steps=10,
            derandomize=True,
            phases=[Phase.generate],
            report_multiple_bugs=False,
        )

    race()
    with without_lock(), pytest.raises((AssertionError, Flaky)) as failed:
        race()
    assert "no order explains" in str(failed.value) or isinstance(failed.value, Flaky)
