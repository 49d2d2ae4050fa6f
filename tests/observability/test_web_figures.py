"""What web processes count: by route, cheaply, together with their siblings, for both readers."""

import json
import logging
import logging.config
import os
import subprocess
import sys
import textwrap
import timeit
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator as _Communicator
from django.conf import settings as django_settings
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from prometheus_client.parser import text_string_to_metric_families

from apps.accounts.models import User
from apps.core.handler import ThreadedHandler
from apps.core.observability import web
from apps.core.observability.figures import Figure, publish
from apps.core.observability.lifespan import Lifespan
from apps.core.observability.middleware import ObservationMiddleware
from apps.core.observability.sockets import CountedSockets
from apps.core.observability.web import WebFigures, chosen_times
from apps.core.postgresql.base import DatabaseWrapper

ROOT = Path(__file__).resolve().parents[2]
# asgiref has no types for it.
Communicator: Any = _Communicator
Samples = dict[tuple[str, tuple[str, ...]], float]


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> WebFigures:
    """Count from nothing."""
    fresh = WebFigures()
    for module in ("middleware", "sockets"):
        monkeypatch.setattr(f"apps.core.observability.{module}.figures", fresh)
    monkeypatch.setattr("apps.core.errors.figures", fresh)
    monkeypatch.setattr("apps.generation.views.figures", fresh)
    return fresh


def samples(text: bytes) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


@pytest.mark.django_db
def test_requests_are_counted_by_route_method_and_class(
    figures: WebFigures, client: Client
) -> None:
    client.get("/api/v1/app/version")
    client.get("/api/v1/images/00000000-0000-0000-0000-000000000001")
    client.get("/api/v1/images/00000000-0000-0000-0000-000000000002")
    client.generic("BREW", "/no-such-page")
    client.get("/healthz")

    found = samples(figures.exposition())

    totals = {
        key[1]: value for key, value in found.items() if key[0] == "easel_http_requests_total"
    }
    assert sum(totals.values()) == 4
    routes = {value for key in totals for value in key}
    assert not any("0000" in route or "/" in route for route in routes)
    assert ("2xx", "GET") not in totals
    (by_image,) = [count for key, count in totals.items() if "4xx" in key and "GET" in key]
    assert by_image == 2
    assert totals[("4xx", "none", "other")] == 1
    assert found["easel_http_requests_in_flight", ()] == 0
    assert sum(v for key, v in found.items() if key[0] == "easel_http_request_seconds_count") == 4
    assert found["easel_errors_total", ("not_authenticated",)] == 2


@pytest.mark.parametrize(("host", "counted"), [(b"10.0.11.5:8080", 0), (b"easel.example", 1)])
async def test_checks_of_the_balancer_are_not_counted_and_requests_of_users_are(
    figures: WebFigures, settings: Any, host: bytes, counted: int
) -> None:
    settings.ALLOWED_HOSTS = ["easel.example"]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": "/api/v1/app/version",
        "query_string": b"",
        "headers": [(b"host", host)],
    }
    communicator = Communicator(ThreadedHandler(), scope)
    await communicator.send_input({"type": "http.request", "body": b"", "more_body": False})

    assert (await communicator.receive_output())["status"] == 200

    (requests, *_others) = figures.take_minute()
    assert (requests.key, requests.value) == ("http_requests", counted)


@pytest.mark.django_db
def test_a_fault_of_ours_is_counted_and_in_flight_ends_all_the_same(figures: WebFigures) -> None:
    def broken(request: HttpRequest) -> HttpResponse:
        flying.append(figures._flying)
        raise ValueError("a fault of ours")

    flying: list[int] = []
    with pytest.raises(ValueError, match="a fault"):
        ObservationMiddleware(broken)(RequestFactory().get("/anywhere"))

    found = samples(figures.exposition())
    assert flying == [1]
    assert found["easel_http_requests_in_flight", ()] == 0
    assert found["easel_http_requests_total", ("5xx", "GET", "none")] == 1
    assert found["easel_http_server_errors_total", ()] == 1


@pytest.mark.django_db
def test_the_web_service_tells_its_own_figures_and_asks_nothing_of_the_database(
    figures: WebFigures, client: Client, settings: Any, django_assert_num_queries: Any
) -> None:
    settings.EASEL_SERVE_ADMIN = False
    settings.EASEL_METRICS_ON_LOOPBACK = True
    with django_assert_num_queries(0):
        answer = client.get("/metrics")

    assert answer.status_code == 200
    assert b"easel_http_requests_in_flight 0.0" in answer.content
    assert b"easel_waiting" not in answer.content


@pytest.mark.django_db
def test_the_admin_service_tells_those_of_the_fleet_and_the_business_too(
    figures: WebFigures, client: Client, settings: Any, user: User
) -> None:
    settings.EASEL_METRICS_TOKEN = "the-token"
    answer = client.get("/metrics", headers={"Authorization": "Bearer the-token"})

    found = samples(answer.content)
    assert found["easel_sockets", ()] == 0
    assert found["easel_waiting", ("basic",)] == 0
    assert found["easel_active_users", ()] == 0
    assert found["easel_recurring_revenue_dollars", ()] == 0
    text = answer.content.decode().splitlines()
    heads = [line for line in text if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads))


@pytest.mark.django_db
def test_without_the_database_the_figures_of_the_process_are_told_all_the_same(
    figures: WebFigures, client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> bytes:
        raise OperationalError

    settings.EASEL_METRICS_ON_LOOPBACK = True
    monkeypatch.setattr("apps.generation.views.exposition", gone)

    answer = client.get("/metrics")

    assert answer.status_code == 200
    assert b"easel_http_requests_in_flight 0.0" in answer.content


@pytest.mark.django_db
def test_a_pool_is_told_of_once_it_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    spec: dict[str, Any] = dict(connection.settings_dict)
    spec |= {"CONN_HEALTH_CHECKS": False, "CONN_MAX_AGE": 0}
    spec["OPTIONS"] = spec["OPTIONS"] | {"pool": {"min_size": 1, "max_size": 1}}
    wrapper = DatabaseWrapper(spec, alias="default")
    monkeypatch.setattr(web, "connections", {"default": wrapper})

    def told() -> dict[str, Any]:
        return {figure.key: figure.value for figure in web._figures_of_pools()}

    assert told() == {}
    try:
        with wrapper.cursor():
            assert told()["database_pool_in_use"] == 1
        wrapper.close()
        assert told() == {
            "database_pool_size": 1,
            "database_pool_in_use": 0,
            "database_pool_waiting": 0,
        }
    finally:
        wrapper.close_pool()


async def test_sockets_are_counted_while_they_are_open(figures: WebFigures) -> None:
    async def echo(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "open", "sockets": figures._open_sockets})
        await receive()
        raise ConnectionError

    communicator = Communicator(CountedSockets(echo), {"type": "websocket"})
    assert (await communicator.receive_output())["sockets"] == 1
    await communicator.send_input({"type": "close"})
    with pytest.raises(ConnectionError):
        await communicator.wait()
    assert figures._open_sockets == 0


def lines(caplog: pytest.LogCaptureFixture) -> Iterator[dict[str, Any]]:
    logging_settings: dict[str, Any] = django_settings.LOGGING
    spec = dict(logging_settings["formatters"]["json"])
    formatter = logging.config.DictConfigurator({"version": 1}).configure_formatter(spec)
    for record in caplog.records:
        line = json.loads(formatter.format(record))
        if "_aws" in line:
            yield line


def test_cloudwatch_is_told_once_a_minute(
    figures: WebFigures, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EASEL_CLOUDWATCH_METRICS = True
    settings.EASEL_SERVE_ADMIN = False
    for number in range(250):
        figures.began()
        figures.ended(
            route="dashboard:create",
            method="GET",
            status=500 if number == 0 else 200,
            seconds=2.0 if number < 2 else 0.01,
        )
    figures.note_error("internal")
    with caplog.at_level(logging.INFO, logger="apps.core.observability.figures"):
        publish(figures.take_minute())
        publish(figures.take_minute())

    found = list(lines(caplog))
    first, second, third = [line for line in found if "RequestSeconds" in line]
    assert (first["Service"], first["Requests"], first["ServerErrors"]) == ("web", 250, 1)
    assert first["RequestsSlow"] == 2
    assert [len(line["RequestSeconds"]) for line in (first, second, third)] == [100, 100, 50]
    assert "Requests" not in second
    assert [line["Errors"] for line in found if line.get("Code") == "internal"] == [1]
    # Each begins anew.
    assert [line["Requests"] for line in found if "Requests" in line] == [250, 0]
    for line in found:
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        names = [metric["Name"] for metric in directive["Metrics"]]
        assert {*names, *directive["Dimensions"][0]} <= line.keys()
        assert len(names) <= 100


def test_many_times_are_told_by_their_ranks() -> None:
    times = [number / 1000 for number in range(10_000)]
    chosen = chosen_times(times)

    assert len(chosen) == web.MOST_TIMES
    assert (chosen[0], chosen[-1]) == (0.0, 9.999)
    assert chosen[500] == pytest.approx(5.0, abs=0.02)
    assert chosen[990] == pytest.approx(9.9, abs=0.02)
    assert chosen_times([3.0, 1.0]) == [1.0, 3.0]


def test_a_counter_adds_up_and_a_gauge_has_one_value(settings: Any) -> None:
    settings.EASEL_CLOUDWATCH_METRICS = True
    publish([Figure("jobs_served", 1, {"tier": "basic"})] * 2)
    with pytest.raises(ValueError, match="two values"):
        publish([Figure("due", 1, {"tier": "basic"})] * 2)


async def test_the_last_minute_is_told_when_the_process_ends(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fresh = WebFigures()
    monkeypatch.setattr("apps.core.observability.lifespan.figures", fresh)
    settings.EASEL_CLOUDWATCH_METRICS = True
    fresh.began()
    fresh.ended(route="one", method="GET", status=200, seconds=0.5)
    communicator = Communicator(Lifespan(), {"type": "lifespan"})
    with caplog.at_level(logging.INFO, logger="apps.core.observability.figures"):
        for stage in ("startup", "shutdown"):
            await communicator.send_input({"type": f"lifespan.{stage}"})
            told = await communicator.receive_output()
            assert told["type"] == f"lifespan.{stage}.complete"

    (line,) = [line for line in lines(caplog) if "Requests" in line]
    assert (line["Requests"], line["RequestSeconds"]) == (1, [0.5])


def test_processes_of_one_supervisor_are_counted_together(tmp_path: Path) -> None:
    code = textwrap.dedent(
        """
        import multiprocessing, sys

        def serve(number, ready, told):
            from apps.core.observability.processes import share_counts
            share_counts()
            from django.conf import settings
            settings.configure(DATABASES={}, EASEL_CLOUDWATCH_METRICS=False)
            from apps.core.observability.web import figures
            for _ in range(number):
                figures.began()
                figures.ended(route="one", method="GET", status=200, seconds=0.01)
            figures.socket_opened()
            figures.read_notes()
            ready.wait()
            told.put(figures.exposition().decode())
            ready.wait()

        if __name__ == "__main__":
            spawn = multiprocessing.get_context("spawn")
            ready, told = spawn.Barrier(2), spawn.Queue()
            children = [spawn.Process(target=serve, args=(n, ready, told)) for n in (3, 4)]
            for child in children:
                child.start()
            answers = [told.get(timeout=60), told.get(timeout=60)]
            for child in children:
                child.join()
            for answer in answers:
                assert 'method="GET",route="one",status="2xx"} 7.0' in answer, answer
                assert "easel_sockets 2.0" in answer, answer
        """
    )
    program = tmp_path / "supervisor.py"
    program.write_text(code)
    result = subprocess.run(
        [sys.executable, str(program)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("level", ["INFO", "WARNING", "ERROR"])
def test_figures_are_written_at_any_level_of_the_log(level: str) -> None:
    code = textwrap.dedent(
        """
        import django
        django.setup()
        import structlog
        from apps.core.observability.figures import Figure, publish
        structlog.get_logger("apps.generation").info("something_else")
        publish([Figure("scheduler_beats", 1)])
        """
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "EASEL_LOG_LEVEL": level,
            "EASEL_LOG_FORMAT": "json",
            "EASEL_CLOUDWATCH_METRICS": "true",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert result.returncode == 0, result.stderr
    found = [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]
    assert [line["SchedulerBeats"] for line in found if "_aws" in line] == [1]
    events = {line["event"] for line in found}
    assert ("something_else" in events) == (level == "INFO")


def test_a_request_is_watched_for_some_microseconds(figures: WebFigures) -> None:
    answer = HttpResponse()
    middleware = ObservationMiddleware(lambda _request: answer)
    request = RequestFactory().get("/anywhere")

    best = min(timeit.repeat(lambda: middleware(request), number=1000, repeat=5)) / 1000

    # An empty request takes about a millisecond. Measured: see docs/observability.md.
    assert best < 200e-6
