"""Reads from a real streaming standby: late, held up, gone in the middle, and back."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DEFAULT_DB_ALIAS, Error, connection, connections

from apps.accounts.models import User
from apps.core import replica
from apps.core.breaker import Breaker
from apps.core.health import check_reader
from apps.core.replica import READER, note_write, read_from_reader, reader_scope
from apps.core.tenancy import tenant_scope
from apps.images.models import Image
from tests.core.test_slow_queries import told
from tests.core.test_tenancy import in_new_thread
from tests.factories import make_image
from tests.plugins.servers import postgres_server
from tests.standby import Standby, reader_at, streaming_standby

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True, databases=["default", "reader"]),
]


@pytest.fixture(scope="module")
def running_standby(django_db_setup: None) -> Iterator[Standby]:
    with streaming_standby(postgres_server()) as standby, reader_at(standby.server.socket_dir):
        yield standby


@pytest.fixture(scope="module", autouse=True)
def reader(running_standby: Standby) -> None:
    """Be there before the first test asks which databases there are."""


@pytest.fixture
def breaker(monkeypatch: pytest.MonkeyPatch) -> Breaker:
    breaker = Breaker("reader_away", pause_seconds=60)
    monkeypatch.setattr(replica, "_reader", breaker)
    return breaker


@pytest.fixture
def standby(running_standby: Standby, breaker: Breaker) -> Iterator[Standby]:
    """A standby that has all there is, and is given back so."""
    running_standby.catch_up()
    yield running_standby
    connections[READER].close()
    running_standby.resume()
    running_standby.catch_up()


@pytest.fixture
def patient(settings: Any) -> None:
    """Take no reader for late that only this test holds up."""
    settings.EASEL_READER_MAX_LAG_SECONDS = 300.0


def owners() -> set[Any]:
    return set(Image.objects.values_list("user_id", flat=True))


def look(user: User) -> tuple[str, int]:
    """Return where it is read from, and how many pictures are there."""
    with reader_scope(user.id) as alias:
        return alias, Image.objects.count()


def write(user: User) -> None:
    with tenant_scope(user.id):
        make_image(user)
        note_write(user.id)


def test_the_standby_is_read_from_as_the_tenant(
    standby: Standby, user: User, stranger: User
) -> None:
    make_image(user)
    make_image(stranger)
    standby.catch_up()
    with reader_scope(user.id) as alias, connections[alias].cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery(), session_user, current_user")
        facts = cursor.fetchone()
        found = owners()

    assert facts == (True, "easel_ops", "easel_ops")
    assert found == {user.id}


def test_row_level_security_is_forced_there_too(standby: Standby, user: User) -> None:
    make_image(user)
    standby.catch_up()

    def without_a_tenant() -> int:
        found = Image.objects.using(READER).count()
        connections[READER].close()
        return found

    assert in_new_thread(without_a_tenant) == 0


def test_one_reads_what_one_has_just_written_and_the_standby_once_it_has_it(
    standby: Standby, patient: None, user: User, stranger: User
) -> None:
    standby.pause()
    write(user)

    assert look(user) == (DEFAULT_DB_ALIAS, 1)
    # Who has written nothing loses nothing there.
    assert look(stranger)[0] == READER

    standby.resume()
    standby.catch_up()
    assert look(user) == (READER, 1)


def test_without_the_mark_the_standby_would_not_have_it(
    standby: Standby, patient: None, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.images.kept_lists.note_write", lambda _user_id: None)
    standby.pause()
    with tenant_scope(user.id):
        make_image(user)

    assert look(user) == (READER, 0)


def test_the_writer_answers_while_the_standby_is_late(
    standby: Standby,
    user: User,
    stranger: User,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(replica, "_lateness", Breaker("reader_late", pause_seconds=60))
    settings.EASEL_READER_MAX_LAG_SECONDS = 0.2
    standby.pause()
    make_image(stranger)
    standby.receive_all()
    time.sleep(0.3)

    late = check_reader()
    assert not late.ok
    assert re.fullmatch(r"RuntimeError: \d+\.\d s behind", late.found)
    assert [look(user)[0], look(user)[0]] == [DEFAULT_DB_ALIAS] * 2
    assert len(told(caplog, "reader_late")) == 1

    standby.resume()
    standby.catch_up()
    assert look(user)[0] == READER


def test_an_idle_standby_is_not_late(standby: Standby, user: User, settings: Any) -> None:
    settings.EASEL_READER_MAX_LAG_SECONDS = 0.2
    standby.catch_up()
    time.sleep(0.5)

    assert look(user)[0] == READER
    assert check_reader().found.startswith("0.0 s behind")


def test_a_read_that_is_cut_off_is_made_on_the_writer(
    standby: Standby, user: User, caplog: pytest.LogCaptureFixture
) -> None:
    make_image(user)
    standby.catch_up()
    read_from: list[str] = []

    def read() -> set[Any]:
        read_from.append(replica.reading_alias())
        if len(read_from) == 1:
            standby.end_sessions()
        return owners()

    assert read_from_reader(user.id, read) == {user.id}
    assert read_from == [READER, DEFAULT_DB_ALIAS]
    assert len(told(caplog, "reader_away")) == 1
    assert look(user)[0] == DEFAULT_DB_ALIAS


def test_a_scope_that_is_cut_off_raises_and_the_next_reads_from_the_writer(
    standby: Standby, user: User
) -> None:
    def cut_off() -> None:
        with reader_scope(user.id):
            standby.end_sessions()
            owners()

    with pytest.raises(Error):
        cut_off()

    assert look(user)[0] == DEFAULT_DB_ALIAS
    assert not connection.in_atomic_block


def test_a_standby_that_goes_away_and_comes_back(
    standby: Standby, breaker: Breaker, user: User
) -> None:
    make_image(user)
    standby.catch_up()
    assert look(user)[0] == READER
    connections[READER].close()
    standby.server.stop()

    assert look(user) == (DEFAULT_DB_ALIAS, 1)
    breaker._until -= 60
    assert look(user) == (DEFAULT_DB_ALIAS, 1)

    standby.server.start()
    standby.catch_up()
    breaker._until -= 60
    assert look(user) == (READER, 1)
