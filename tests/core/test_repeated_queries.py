"""A request that asks the same again and again fails where the detector is on."""

import sys
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import MiddlewareNotUsed
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.urls import path

from apps.accounts.models import User
from apps.core.health import check_database
from apps.core.repeated_queries import RepeatedQueriesError, RepeatedQueryMiddleware
from apps.core.tenancy import current_scope
from config import urls as project
from config.settings import base

pytestmark = pytest.mark.django_db(transaction=True)

LIMIT = 5


def raw_loop(request: HttpRequest, times: int) -> HttpResponse:
    for _ in range(times):
        assert check_database().ok
    return HttpResponse("done")


def orm_loop(request: HttpRequest, times: int) -> HttpResponse:
    for number in range(times):
        list(User.objects.filter(name=str(number))[: number + 1])
    return HttpResponse("done")


def savepoints(request: HttpRequest, times: int) -> HttpResponse:
    with transaction.atomic():
        for _ in range(times):
            with transaction.atomic():
                current_scope()
    return HttpResponse("done")


def broken(request: HttpRequest, times: int) -> HttpResponse:
    raw_loop(request, times)
    return HttpResponse(status=503)


def swallowing(request: HttpRequest, times: int) -> HttpResponse:
    try:
        return raw_loop(request, times)
    except Exception:  # noqa: BLE001  (what is tested)
        return HttpResponse("swallowed")


class WithLoops:
    urlpatterns = (
        *[
            path(f"{view.__name__}/<int:times>", view)
            for view in (raw_loop, orm_loop, savepoints, broken, swallowing)
        ],
        *project.urlpatterns,
    )
    handler500 = staticmethod(project.handler500)


@pytest.fixture(autouse=True)
def loops(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tests.core.loops", WithLoops)
    settings.ROOT_URLCONF = "tests.core.loops"


@pytest.mark.parametrize("view", ["raw_loop", "orm_loop", "swallowing"])
def test_as_often_as_the_limit_is_well(client: Client, view: str) -> None:
    assert client.get(f"/{view}/{LIMIT}").content == b"done"


@pytest.mark.parametrize("view", ["raw_loop", "swallowing"])
def test_a_loop_of_queries_fails_with_shape_count_and_caller(client: Client, view: str) -> None:
    with pytest.raises(RepeatedQueriesError) as failed:
        client.get(f"/{view}/12")

    first, second = str(failed.value).splitlines()
    assert first == f"GET /{view}/12 ran one query again and again:"
    assert second.startswith("12 times from apps/core/health.py:")
    assert second.endswith(": SHOW server_version")


def test_queries_that_differ_in_values_alone_are_one(client: Client) -> None:
    with pytest.raises(RepeatedQueriesError, match=r"6 times from .* LIMIT \?$"):
        client.get(f"/orm_loop/{LIMIT + 1}")


async def test_it_counts_under_asgi_too(async_client: AsyncClient) -> None:
    try:
        assert (await async_client.get(f"/raw_loop/{LIMIT}")).status_code == 200
        with pytest.raises(RepeatedQueriesError, match="12 times from apps/core/health"):
            await async_client.get("/raw_loop/12")
    finally:
        # In the thread, whose connection it is.
        await sync_to_async(lambda: connection.close())()


def test_savepoints_and_scopes_do_not_count(client: Client) -> None:
    assert client.get("/savepoints/50").content == b"done"


def test_an_answer_that_is_an_error_stays_what_it_is(client: Client) -> None:
    assert client.get("/broken/12").status_code == 503


def test_each_request_counts_for_itself(client: Client) -> None:
    for _ in range(3):
        assert client.get(f"/raw_loop/{LIMIT}").status_code == 200


def test_outside_of_requests_nothing_is_counted() -> None:
    for _ in range(LIMIT + 1):
        assert check_database().ok


def test_production_has_nothing_of_it(settings: Any) -> None:
    settings.EASEL_MAX_REPEATED_QUERIES = base.EASEL_MAX_REPEATED_QUERIES
    with pytest.raises(MiddlewareNotUsed):
        RepeatedQueryMiddleware(lambda _request: HttpResponse())
    connection.close()
    wrappers, connection.execute_wrappers = connection.execute_wrappers, []
    try:
        connection.ensure_connection()
        assert [w.__module__ for w in connection.execute_wrappers] == ["apps.core.slow_queries"]
    finally:
        connection.execute_wrappers = wrappers
    assert not any("repeated_queries" in name for name in base.MIDDLEWARE)
