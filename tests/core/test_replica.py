"""Reads from a replica that is up to date, or away: here it is the very server that is written."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, InternalError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django_redis import get_redis_connection
from redis.exceptions import ConnectionError as RedisAwayError

from apps.accounts.models import User
from apps.core import replica
from apps.core.breaker import Breaker
from apps.core.replica import (
    READER,
    ReaderRouter,
    WriteInReaderScopeError,
    note_write,
    read_from_reader,
    reader_scope,
    reading_alias,
)
from apps.core.tenancy import tenant_scope
from apps.images.models import Image
from config.settings import servers
from tests.core.test_slow_queries import told
from tests.core.test_tenancy import in_new_thread
from tests.factories import make_image
from tests.plugins.servers import postgres_server, superuser_connection
from tests.standby import reader_at

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "reader"])


@pytest.fixture(autouse=True)
def breakers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica, "_reader", Breaker("reader_away", pause_seconds=60))
    monkeypatch.setattr(replica, "_marks", Breaker("marks_of_writes_away", pause_seconds=60))


@pytest.fixture(scope="module", autouse=True)
def reader(django_db_setup: None) -> Iterator[None]:
    """Read from the same server by a connection of its own, as an endpoint without readers does."""
    with reader_at(postgres_server().socket_dir):
        yield


@pytest.fixture(autouse=True)
def new_session() -> Iterator[None]:
    yield
    connections[READER].close()


def owners() -> set[Any]:
    return set(Image.objects.values_list("user_id", flat=True))


def queries_on(alias: str, function: Callable[[], Any]) -> list[str]:
    with CaptureQueriesContext(connections[alias]) as captured:
        function()
    return [query["sql"] for query in captured]


def read(user: User) -> str:
    with reader_scope(user.id) as alias:
        owners()
    return alias


def test_reads_go_there_as_the_tenant_in_two_queries(user: User, stranger: User) -> None:
    make_image(user)
    make_image(stranger)
    found: list[Any] = []

    def look() -> None:
        with reader_scope(user.id) as alias:
            found.extend([alias, reading_alias(), owners()])

    made = queries_on(READER, look)

    assert found == [READER, READER, {user.id}]
    assert [sql.split()[0] for sql in made] == ["BEGIN", "SELECT", "SELECT", "COMMIT"]
    assert reading_alias() == DEFAULT_DB_ALIAS
    assert queries_on(DEFAULT_DB_ALIAS, look) == []


def test_the_tenant_does_not_outlive_the_scope_on_the_reader(user: User) -> None:
    make_image(user)

    def look() -> tuple[str, int]:
        alias = read(user)
        left = Image.objects.using(READER).count()
        connections[READER].close()
        return alias, left

    assert in_new_thread(look) == (READER, 0)


@pytest.mark.parametrize(
    "write",
    [
        lambda image: image.save(),
        lambda image: image.delete(),
        lambda image: Image.objects.filter(id=image.id).update(starred=True),
        lambda image: Image.objects.filter(id=image.id).delete(),
        lambda image: Image.objects.bulk_create([Image(user_id=image.user_id)]),
        lambda image: list(Image.objects.select_for_update().filter(id=image.id)),
    ],
)
def test_writes_and_locks_are_refused(user: User, write: Callable[[Image], Any]) -> None:
    image = make_image(user)
    image.starred = True
    with reader_scope(user.id), pytest.raises(WriteInReaderScopeError):
        write(image)

    assert list(Image.objects.values_list("id", "starred")) == [(image.id, False)]


def test_raw_sql_is_refused_by_postgresql(user: User) -> None:
    image = make_image(user)
    with (
        pytest.raises(InternalError, match="read-only transaction"),
        reader_scope(user.id) as alias,
        connections[alias].cursor() as cursor,
    ):
        cursor.execute("UPDATE images_image SET starred = true")

    image.refresh_from_db()
    assert not image.starred
    # A mistake of ours says nothing about the reader.
    assert read(user) == READER


def test_what_was_read_there_can_be_written_afterwards(user: User) -> None:
    make_image(user)
    with reader_scope(user.id):
        image = Image.objects.get()
        late = Image.objects.all()

    def write_and_read_on() -> None:
        image.starred = True
        image.save()
        assert image.user.email == user.email
        assert len(late) == 1

    assert queries_on(READER, write_and_read_on) == []
    assert Image.objects.get().starred
    assert image.user == user


def test_a_scope_in_a_scope_is_the_same_one(user: User, stranger: User) -> None:
    with reader_scope(user.id) as outer, reader_scope(str(user.id)) as inner:
        assert (outer, inner) == (READER, READER)
        with pytest.raises(ImproperlyConfigured), reader_scope(stranger.id):
            pass


def test_the_rest_of_a_transaction_reads_what_it_wrote(user: User) -> None:
    def write_and_read() -> tuple[str, set[Any]]:
        with tenant_scope(user.id):
            make_image(user)
            note_write(user.id)
            note_write(user.id)
            assert len(connection.run_on_commit) == 1
            with reader_scope(user.id) as alias:
                return alias, owners()

    assert write_and_read() == (DEFAULT_DB_ALIAS, {user.id})
    # It is the writer itself, which has all that it wrote.
    assert read(user) == READER


def test_what_was_rolled_back_leaves_no_mark(user: User) -> None:
    with transaction.atomic():
        note_write(user.id)
        transaction.set_rollback(True)

    assert get_redis_connection("default").get(f"wrote:{user.id}") is None


def test_a_position_the_reader_has_not_reached_sends_this_user_to_the_writer(
    user: User, stranger: User
) -> None:
    get_redis_connection("default").set(f"wrote:{user.id}", "FFFFFFFF/0")

    assert (read(user), read(stranger)) == (DEFAULT_DB_ALIAS, READER)


def test_a_mark_is_forgotten_after_twice_the_limit(user: User, settings: Any) -> None:
    settings.EASEL_READER_MAX_LAG_SECONDS = 3.0
    note_write(user.id)

    key = f"wrote:{user.id}"
    assert 5000 < get_redis_connection("default").pttl(key) <= 6000
    position = get_redis_connection("default").get(key)
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::pg_lsn <= pg_current_wal_insert_lsn()", [position.decode()])
        assert cursor.fetchone() == (True,)


@pytest.fixture
def aurora() -> Iterator[None]:
    """Make the server take itself for Aurora, where positions of the log cannot be asked."""
    run_as_superuser("CREATE FUNCTION aurora_version() RETURNS text LANGUAGE sql RETURN '16.4'")
    yield
    run_as_superuser("DROP FUNCTION aurora_version()")


def run_as_superuser(sql: str) -> None:
    with superuser_connection(connection.settings_dict["NAME"]) as server:
        server.execute(sql.encode())


def test_on_aurora_the_writer_answers_for_a_while_after_a_write(
    aurora: None, user: User, stranger: User
) -> None:
    assert read(user) == READER
    note_write(user.id)

    assert get_redis_connection("default").get(f"wrote:{user.id}") == b""
    assert (read(user), read(stranger)) == (DEFAULT_DB_ALIAS, READER)
    # When its time is over.
    get_redis_connection("default").delete(f"wrote:{user.id}")
    assert read(user) == READER


def test_without_redis_nobody_knows_who_has_written_so_the_writer_answers(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def away(alias: str) -> Any:
        asked.append(alias)
        raise RedisAwayError

    monkeypatch.setattr(replica, "get_redis_connection", away)

    assert (read(user), read(user)) == (DEFAULT_DB_ALIAS, DEFAULT_DB_ALIAS)
    note_write(user.id)
    assert asked == ["default"] * 2


def test_a_reader_that_is_away_is_left_alone_for_a_while(
    user: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_image(user)
    breaker = Breaker("reader_away", pause_seconds=60)
    monkeypatch.setattr(replica, "_reader", breaker)
    connections.databases[READER] |= {"HOST": "/nonexistent"}

    assert read_from_reader(user.id, owners) == {user.id}
    assert read(user) == DEFAULT_DB_ALIAS
    # Asked twice it would have been found away twice.
    assert [line["reason"] for line in told(caplog, "reader_away")] == ["OperationalError"]

    connections.databases[READER] |= {"HOST": connection.settings_dict["HOST"]}
    breaker._until -= 60
    assert read(user) == READER


def test_a_read_waits_a_second_at_most_for_a_pool_that_cannot_connect(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = servers.reader_settings("postgresql:///easel?host=/nonexistent", pool_size=2)
    former = connections.databases[READER]
    monkeypatch.setitem(connections.databases, READER, {**former, **made})
    del connections[READER]
    started = time.monotonic()
    try:
        assert read(user) == DEFAULT_DB_ALIAS
        assert 0.9 < time.monotonic() - started < 2.0
        assert read(user) == DEFAULT_DB_ALIAS
        assert time.monotonic() - started < 2.2
    finally:
        connections[READER].close_pool()  # type: ignore[attr-defined]
        del connections[READER]


def test_no_migration_runs_on_a_reader() -> None:
    router = ReaderRouter()

    assert router.allow_migrate(READER, "images") is False
    assert router.allow_migrate(DEFAULT_DB_ALIAS, "images") is None


def test_one_of_many_tries_again_when_the_pause_is_over() -> None:
    breaker = Breaker("part_away", pause_seconds=60)
    assert [breaker.may_try(), breaker.may_try()] == [True, True]
    breaker.found_ill("away")
    assert not breaker.may_try()
    breaker._until -= 60

    assert [breaker.may_try(), breaker.may_try()] == [True, False]
    breaker.found_well()
    assert [breaker.may_try(), breaker.may_try()] == [True, True]


def test_a_user_is_named_by_a_uuid() -> None:
    with pytest.raises(ValueError, match="badly formed"), reader_scope("nobody"):
        pass
