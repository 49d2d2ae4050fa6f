"""Holds and settles a second: one hot account, many accounts, against bare SQL of the same shape.

The floor makes the same rows by the same number of transactions from the same number of threads
in the same process, on tables with the same columns, checks and indexes, but without triggers,
policies and foreign keys, and with psycopg alone. They take turns.
"""

import itertools
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from statistics import median
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.accounts.models import User
from apps.core.database import owner_login
from apps.core.tenancy import SERVICE_ROLE, service_scope, tenant_scope
from apps.credits.models import Account, GrantBalance
from apps.credits.services.grants import add_grant
from apps.credits.services.ledger import settle_hold
from apps.plans.products import CreditSource
from tests.benchmarks.report import Report, Target
from tests.credits.moves import hold_for

THREADS = 4
ACCOUNTS = 200
TOTAL = 1_000_000_000
HELD, CHARGED = 8, 5
TABLES = ("account", "grantbalance", "hold", "posting")

_TENANT = "SELECT set_config('app.current_user_id', %s, true)"
_LOCK = "SELECT id FROM floor_account WHERE user_id = %s FOR UPDATE"
_BALANCES = (
    "SELECT grant_id, available, usable_until FROM floor_grantbalance WHERE user_id = %s"
    " AND available > 0 AND usable_from <= now() AND usable_until > now()"
    " ORDER BY usable_until, grant_id"
)
_HOLD = (
    "INSERT INTO floor_hold (id, user_id, job_id, amount, created_at, updated_at)"
    " VALUES (%s, %s, %s, %s, now(), now())"
)
_POSTING = (
    "INSERT INTO floor_posting (id, user_id, kind, grant_id, hold_id, available, held, spent,"
    " closed, reason, created_at, updated_at)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 0, '', now(), now())"
)
_MOVE = (
    "UPDATE floor_grantbalance SET available = available + %s, held = held + %s,"
    " spent = spent + %s, updated_at = now() WHERE user_id = %s AND grant_id = %s"
)
_PARTS = (
    "SELECT posting.grant_id, posting.hold_id, posting.kind, posting.held"
    " FROM floor_posting posting"
    " JOIN floor_hold hold ON hold.id = posting.hold_id AND hold.user_id = posting.user_id"
    " WHERE hold.user_id = %s AND hold.job_id = %s"
)

Pair = Callable[[uuid.UUID], None]


def run(*, quick: bool) -> Report:
    """Measure rounds of all four in turns, after one that warms everything up."""
    rounds, seconds = (3, 1.5) if quick else (7, 4.0)
    accounts = _open_accounts()
    _make_floor_tables()
    product, floor = _Product(), _Floor()
    runs: dict[str, tuple[Any, Sequence[uuid.UUID]]] = {
        "floor_many": (floor, accounts[1:]),
        "many": (product, accounts[1:]),
        "floor_hot": (floor, accounts[:1]),
        "hot": (product, accounts[:1]),
    }
    rates: dict[str, list[float]] = {name: [] for name in runs}
    with ThreadPoolExecutor(THREADS) as threads:
        for turn in range(1 + rounds):
            for name, (side, chosen) in runs.items():
                rate = _rate(threads, side, chosen, seconds if turn else 0.5)
                if turn:
                    rates[name].append(rate)
        everyone = threading.Barrier(THREADS)

        def close(_number: int) -> None:
            # Each thread its own connections: none takes a second turn before all have come.
            everyone.wait()
            product.close()
            floor.close()

        list(threads.map(close, range(THREADS)))
    return _report(rates)


def _report(rates: dict[str, list[float]]) -> Report:
    def over_floor(name: str) -> float:
        turns = zip(rates[name], rates[f"floor_{name}"], strict=True)
        return median(rate / floor for rate, floor in turns)

    return Report(
        bench="ledger",
        figures={f"{name}_pairs_a_second": median(found) for name, found in rates.items()}
        | {"hot_over_floor": over_floor("hot"), "threads": THREADS, "accounts": ACCOUNTS - 1},
        targets={"many_over_floor": Target(over_floor("many"), 0.4, better="higher")},
    )


def _rate(
    threads: ThreadPoolExecutor, side: Any, accounts: Sequence[uuid.UUID], seconds: float
) -> float:
    """Return how many pairs of a hold and a settle all threads together made a second."""
    start = threading.Barrier(THREADS + 1)

    def work(number: int) -> int:
        # Each thread has its share of the accounts, and all have the same one if it is one.
        own = itertools.cycle(accounts[number::THREADS] or accounts)
        side.pair(next(own))
        start.wait()
        until = time.perf_counter() + seconds
        pairs = 0
        while time.perf_counter() < until:
            side.pair(next(own))
            pairs += 1
        return pairs

    working = [threads.submit(work, number) for number in range(THREADS)]
    start.wait()
    started = time.perf_counter()
    pairs = sum(each.result() for each in working)
    return pairs / (time.perf_counter() - started)


class _Product:
    """The service functions, each in a transaction of the tenant, as requests and workers do."""

    def pair(self, user_id: uuid.UUID) -> None:
        job_id = uuid.uuid4()
        with tenant_scope(user_id):
            hold_for(user_id=user_id, job_id=job_id, amount=HELD)
        with tenant_scope(user_id):
            settle_hold(user_id=user_id, job_id=job_id, charge=CHARGED)

    def close(self) -> None:
        connection.close()


class _Floor:
    """BEGIN, tenant, lock, read, insert, move the balance, COMMIT; twice a pair."""

    def __init__(self) -> None:
        login = settings.EASEL_OWNER_DATABASE
        self._login = {
            "dbname": connection.settings_dict["NAME"],
            "user": login["USER"],
            "password": login["PASSWORD"],
            "host": login["HOST"],
            "port": login["PORT"],
        }
        self._local = threading.local()

    def pair(self, user_id: uuid.UUID) -> None:
        raw = self._connection()
        job_id, hold_id = uuid.uuid4(), uuid.uuid4()
        with raw.transaction():
            raw.execute(_TENANT, [str(user_id)])
            raw.execute(_LOCK, [user_id])
            grant_id, _available, _until = raw.execute(_BALANCES, [user_id]).fetchall()[0]
            raw.execute(_HOLD, [hold_id, user_id, job_id, HELD])
            part = [uuid.uuid4(), user_id, "hold", grant_id, hold_id, -HELD, HELD, 0]
            raw.execute(_POSTING, part)
            raw.execute(_MOVE, [-HELD, HELD, 0, user_id, grant_id])
        with raw.transaction():
            raw.execute(_TENANT, [str(user_id)])
            raw.execute(_LOCK, [user_id])
            grant_id, hold_id, _kind, held = raw.execute(_PARTS, [user_id, job_id]).fetchall()[0]
            back = held - CHARGED
            part = [uuid.uuid4(), user_id, "settle", grant_id, hold_id, back, -held, CHARGED]
            raw.execute(_POSTING, part)
            raw.execute(_MOVE, [back, -held, CHARGED, user_id, grant_id])

    def close(self) -> None:
        raw = self._local.__dict__.pop("raw", None)
        if raw is not None:
            raw.close()

    def _connection(self) -> psycopg.Connection[Any]:
        raw: psycopg.Connection[Any] | None = getattr(self._local, "raw", None)
        if raw is None:
            raw = self._local.raw = psycopg.connect(**self._login, autocommit=True)
        return raw


def _open_accounts() -> list[uuid.UUID]:
    now = timezone.now()
    users = User.objects.bulk_create(
        User(email=f"bench{number}@example.com") for number in range(ACCOUNTS)
    )
    for user in users:
        add_grant(
            user_id=user.id,
            source=CreditSource.GIFT,
            amount=TOTAL,
            valid_from=now,
            valid_until=now + timedelta(days=1),
            key="bench",
        )
    with service_scope("bench"):
        if GrantBalance.objects.count() != ACCOUNTS or Account.objects.count() != ACCOUNTS:
            raise RuntimeError("the accounts of the benchmark are not as expected")
    return [user.id for user in users]


def _make_floor_tables() -> None:
    with owner_login(), connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"CREATE TABLE floor_{table} (LIKE credits_{table} INCLUDING ALL)")
            cursor.execute(f"GRANT INSERT ON floor_{table} TO {SERVICE_ROLE}")
    with service_scope("bench"), connection.cursor() as cursor:
        for table in ("account", "grantbalance"):
            cursor.execute(f"INSERT INTO floor_{table} SELECT * FROM credits_{table}")  # noqa: S608
