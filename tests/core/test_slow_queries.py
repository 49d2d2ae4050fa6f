"""Slow queries are told of, wherever they run, without a value in what is told."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from django.db import DataError, connection
from django.test import Client
from redis.exceptions import ConnectionError as RedisAwayError

from apps.core import slow_queries
from apps.core.breaker import Breaker
from apps.core.health import check_database
from apps.core.sentry import start_sentry
from tests.core.test_sentry import Sent

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "hunter2"
FILE = "apps/core/health.py"


@pytest.fixture(autouse=True)
def from_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_queries, "_reported_at", {})


@pytest.fixture
def all_are_slow(settings: Any) -> None:
    settings.EASEL_SLOW_QUERY_SECONDS = 0.0


def told(caplog: pytest.LogCaptureFixture, event: str = "slow_query") -> list[dict[str, Any]]:
    lines: list[Any] = [record.msg for record in caplog.records]
    return [line for line in lines if isinstance(line, dict) and line["event"] == event]


def run(sql: str, *params: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)


def test_a_slow_query_is_logged_with_shape_time_and_caller(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EASEL_SLOW_QUERY_SECONDS = 0.05
    run("SELECT pg_sleep(0.06), %s, 'hunter2'", SECRET)

    (line,) = told(caplog)
    assert line["level"] == "warning"
    assert line["sql"] == "SELECT pg_sleep(?), ? …"
    assert 60 <= line["duration_ms"] < 5000
    assert (line["caller"], line["database"]) == ("elsewhere", "default")
    assert SECRET not in repr(line)


def test_a_quick_query_is_not(caplog: pytest.LogCaptureFixture) -> None:
    assert check_database().ok

    assert told(caplog) == []
    assert slow_queries.list_counts() == []


def test_the_caller_is_a_line_of_ours(all_are_slow: None, caplog: pytest.LogCaptureFixture) -> None:
    assert check_database().ok

    (line,) = told(caplog)
    assert line["caller"].startswith(f"{FILE}:")
    assert line["sql"] == "SHOW server_version"


def test_a_query_that_fails_is_told_of_too(
    all_are_slow: None, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(DataError):
        run("SELECT 1/0")

    assert [line["sql"] for line in told(caplog)] == ["SELECT ?/?"]


def test_in_a_request_it_has_the_id_of_the_request(
    all_are_slow: None, caplog: pytest.LogCaptureFixture
) -> None:
    Client().get("/readyz")

    (finished,) = told(caplog, "request_finished")
    lines = [line for line in told(caplog) if line["caller"].startswith(FILE)]
    assert [line["request_id"] for line in lines] == [finished["request_id"]]


def test_it_works_in_every_thread(all_are_slow: None, caplog: pytest.LogCaptureFixture) -> None:
    def look() -> None:
        check_database()
        connection.close()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()

    assert [line["sql"] for line in told(caplog)] == ["SHOW server_version"]


def test_a_connection_made_anew_is_watched_once(
    all_are_slow: None, caplog: pytest.LogCaptureFixture
) -> None:
    connection.close()
    # The one that comes and goes is there before the connection is.
    with connection.execute_wrapper(lambda execute, *query: execute(*query)):
        check_database()
    check_database()

    assert len(told(caplog)) == 2


def test_slow_queries_are_counted_for_all_processes(all_are_slow: None) -> None:
    check_database()
    check_database()

    assert slow_queries.list_counts() == [("default", FILE, 2)]


def test_without_redis_queries_go_on(
    all_are_slow: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[str] = []

    def away(alias: str) -> Any:
        asked.append(alias)
        raise RedisAwayError

    breaker = Breaker("slow_queries_uncounted", pause_seconds=60)
    monkeypatch.setattr(slow_queries, "_counting", breaker)
    monkeypatch.setattr(slow_queries, "get_redis_connection", away)

    assert check_database().ok
    assert check_database().ok
    assert len(told(caplog)) == 2
    assert asked == ["default"]
    assert [line["reason"] for line in told(caplog, "slow_queries_uncounted")] == [
        "ConnectionError"
    ]
    assert slow_queries.list_counts() == []


@pytest.fixture
def sent(settings: Any) -> Iterator[list[dict[str, Any]]]:
    """Report to a list instead of a server."""
    settings.EASEL_SENTRY_DSN = "https://key@sentry.invalid/1"
    Sent.events = []
    start_sentry(transport=Sent)
    yield Sent.events
    sentry_sdk.init(dsn=None, default_integrations=False, auto_enabling_integrations=False)


def test_sentry_is_told_once_a_minute_for_each_place(
    all_are_slow: None, sent: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    check_database()
    check_database()
    run("SELECT %s, 'hunter2'", SECRET)

    lines = told(caplog)
    assert len(lines) == 3
    assert [event["tags"]["place"] for event in sent] == [lines[0]["caller"], "elsewhere"]
    assert [event["fingerprint"] for event in sent] == [
        ["slow_query", lines[0]["caller"]],
        ["slow_query", "elsewhere"],
    ]
    assert sent[0]["tags"]["error_id"] == lines[0]["error_id"]
    assert [e["type"] for e in sent[0]["exception"]["values"]] == ["SlowQueryError"]
    assert SECRET not in json.dumps(sent, default=str)
