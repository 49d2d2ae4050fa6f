"""Lists and searches may read from a replica of the database, where one is set.

`EASEL_READER_DATABASE_URL` names it, with the login of the process: row-level security holds
there as it does on the writer, since it is part of what is replicated. Nothing reads from it by
itself; a read is sent there by `reader_scope` or `read_from_reader`, and goes to the writer
instead while the reader is away or late, or lacks what its user has just written.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import (
    DEFAULT_DB_ALIAS,
    Error,
    InterfaceError,
    OperationalError,
    connection,
    connections,
    transaction,
)
from django.db.models import Model
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from apps.core.breaker import Breaker
from apps.core.tenancy import tenant_scope

READER: Final = "reader"
Found = TypeVar("Found")

# So long the reader is left alone after it was found away.
_reader = Breaker("reader_away", pause_seconds=5.0)
# So often it is said that it is late.
_lateness = Breaker("reader_late", pause_seconds=60.0)
_marks = Breaker("marks_of_writes_away", pause_seconds=2.0)

# Aurora's readers share the writer's storage: they replay no log, and these functions are errors.
_WRITTEN_UP_TO = """
    SELECT CASE WHEN to_regproc('aurora_version') IS NULL
        THEN pg_current_wal_insert_lsn()::text ELSE '' END
"""
# Enters the tenant, read-only, and in the same round trip tells whether the reader has what
# was written up to a position, and how many seconds it is behind. A standby that has replayed all
# it got is not late while it gets something; otherwise the last commit it saw tells.
_ENTER = """
    SELECT
        set_config('app.current_user_id', %s, true),
        set_config('role', 'none', true),
        set_config('transaction_read_only', 'on', true),
        CASE
            WHEN to_regproc('aurora_version') IS NOT NULL THEN false
            WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() >= %s::pg_lsn
            ELSE pg_current_wal_insert_lsn() >= %s::pg_lsn
        END,
        CASE
            WHEN to_regproc('aurora_version') IS NOT NULL OR NOT pg_is_in_recovery() THEN 0
            WHEN EXISTS (SELECT FROM pg_stat_wal_receiver)
                AND pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn() THEN 0
            ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())
        END
"""
# What is the reader's own: gone, or a query cancelled that stood in the way of its replay.
_FAILURES = (OperationalError, InterfaceError)
_NOTHING_WRITTEN = "0/0"


class WriteInReaderScopeError(Exception):
    """Something was to be written where only reading is meant to happen."""


@dataclass(frozen=True, slots=True)
class _Reading:
    user_id: str
    alias: str


_reading: ContextVar[_Reading | None] = ContextVar("reading", default=None)


class ReaderRouter:
    """Send what is read in a reader scope where the scope says; all else is the writer's."""

    def db_for_read(self, model: type[Model], **_hints: Any) -> str:
        """Never follow where a row came from: what is read later may be written as well."""
        del model
        return reading_alias()

    def db_for_write(self, model: type[Model], **_hints: Any) -> str:
        """Refuse to write, or to lock, in a reader scope, wherever it reads from."""
        if _reading.get() is not None:
            raise WriteInReaderScopeError(f"{model._meta.label} in a reader scope")
        return DEFAULT_DB_ALIAS

    def allow_relation(self, _one: Model, _other: Model, **_hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **_hints: Any) -> bool | None:
        del app_label
        return False if db == READER else None


def has_reader() -> bool:
    """Tell whether a reader is set, be it there or not."""
    return READER in connections.databases


def measure_lag() -> float:
    """Return by how many seconds the reader is behind; on Aurora, which does not tell it, 0."""
    with transaction.atomic(using=READER):
        return _enter_tenant("", _NOTHING_WRITTEN)[1]


def reading_alias() -> str:
    """Return the alias to read from at this place, for `connections[…]` in raw SQL."""
    reading = _reading.get()
    return DEFAULT_DB_ALIAS if reading is None else reading.alias


@contextmanager
def reader_scope(user_id: uuid.UUID | str) -> Iterator[str]:
    """Read the rows of one user in this block from the reader, if that may be; yield the alias.

    On the reader it is a read-only transaction of that tenant. On the writer the block is part of
    the running transaction and sees what that sees; without one it is a transaction of the tenant.
    Querysets must be evaluated inside. Raw SQL takes its connection by the alias.

    Raises:
        WriteInReaderScopeError: the ORM is to write or lock, also when the writer is read from.
        ImproperlyConfigured: it is inside the reader scope of another user.
    """
    user = str(uuid.UUID(str(user_id)))
    outer = _reading.get()
    if outer is not None:
        if outer.user_id != user:
            raise ImproperlyConfigured("A reader scope is that of one user.")
        yield outer.alias
        return
    with ExitStack() as stack:
        on_reader = _enter_reader(stack, user)
        if not on_reader and not connection.in_atomic_block:
            stack.enter_context(tenant_scope(user))
        try:
            with _reading_from(user, READER if on_reader else DEFAULT_DB_ALIAS) as alias:
                yield alias
        except _FAILURES as error:
            if on_reader and _is_lost():
                _reader.found_ill(type(error).__name__)
            raise


def read_from_reader(user_id: uuid.UUID | str, read: Callable[[], Found]) -> Found:
    """Return what `read` finds in a reader scope; if the reader fails it is run on the writer.

    A reader may go away in the middle, or cancel what stands in the way of its replay.
    """
    user = str(uuid.UUID(str(user_id)))
    nested = _reading.get() is not None
    alias = DEFAULT_DB_ALIAS
    try:
        with reader_scope(user) as alias:
            return read()
    except _FAILURES:
        if nested or alias != READER:
            raise
    with ExitStack() as stack:
        if not connection.in_atomic_block:
            stack.enter_context(tenant_scope(user))
        stack.enter_context(_reading_from(user, DEFAULT_DB_ALIAS))
        return read()


def note_write(user_id: uuid.UUID | str) -> None:
    """Let this user's lists not be older than what the running transaction writes.

    The rest of the transaction reads from the writer. After its commit the position of the
    writer's log is kept, and the reader is asked again once it has replayed up to there. Call it
    before what tells the user on commit, in whatever process writes. Costs nothing without a
    reader, and one query and one key for each transaction with one.
    """
    if not has_reader():
        return
    mark = _Mark(str(uuid.UUID(str(user_id))))
    if not mark.is_pending():
        transaction.on_commit(mark, robust=True)


@dataclass(frozen=True, slots=True)
class _Mark:
    """What is done on commit. Django forgets it with the savepoint or transaction it is of."""

    user_id: str

    def is_pending(self) -> bool:
        return any(hook[1] == self for hook in connection.run_on_commit)

    def __call__(self) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute(_WRITTEN_UP_TO)
                (position,) = cursor.fetchone()
        except Error:
            position = ""
        # A reader that is later than the limit is not asked, so no mark is needed for longer. Where
        # positions say nothing, the time is all there is; twice the limit is for a reader that
        # was looked at just before.
        seconds = 2 * settings.EASEL_READER_MAX_LAG_SECONDS
        try:
            redis = get_redis_connection("default")
            redis.set(_key(self.user_id), position, px=int(seconds * 1000))
        except (RedisError, OSError) as error:
            _marks.found_ill(type(error).__name__)


def _key(user_id: str) -> str:
    return f"wrote:{user_id}"


@contextmanager
def _reading_from(user_id: str, alias: str) -> Iterator[str]:
    token = _reading.set(_Reading(user_id, alias))
    try:
        yield alias
    finally:
        _reading.reset(token)


def _enter_reader(stack: ExitStack, user_id: str) -> bool:
    """Begin the reader's transaction on `stack`, if it is there and new enough for this user."""
    if not has_reader() or _Mark(user_id).is_pending():
        return False
    position = _last_write(user_id)
    if position is None or not _reader.may_try():
        return False
    try:
        with ExitStack() as attempt:
            attempt.enter_context(transaction.atomic(using=READER))
            has_writes, lag = _enter_tenant(user_id, position)
            _reader.found_well()
            if lag > settings.EASEL_READER_MAX_LAG_SECONDS:
                _say_late(lag)
                return False
            if has_writes:
                stack.enter_context(attempt.pop_all())
            return has_writes
    except Error as error:
        _reader.found_ill(type(error).__name__)
        return False


def _enter_tenant(user_id: str, position: str) -> tuple[bool, float]:
    with connections[READER].cursor() as cursor:
        cursor.execute(_ENTER, [user_id, position, position])
        has_position, lag = cursor.fetchone()[-2:]
    # Nobody knows of a standby that has seen no commit since its start.
    seconds = float("inf") if lag is None else float(lag)
    return bool(has_position) or position == _NOTHING_WRITTEN, seconds


def _say_late(lag: float) -> None:
    # It is asked again all the same: the first commit after a quiet hour makes a standby an hour
    # late for the moment until it is replayed.
    if _lateness.may_try():
        _lateness.found_ill(f"{lag:.1f} s")


def _last_write(user_id: str) -> str | None:
    """Return the position the reader must have reached; None if only the writer will do."""
    if not _marks.may_try():
        return None
    try:
        mark = get_redis_connection("default").get(_key(user_id))
    except (RedisError, OSError) as error:
        # Without the marks nobody knows who has written.
        _marks.found_ill(type(error).__name__)
        return None
    _marks.found_well()
    if mark is None:
        return _NOTHING_WRITTEN
    return mark.decode() or None


def _is_lost() -> bool:
    session = connections[READER].connection
    return session is None or session.closed
