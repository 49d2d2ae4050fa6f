"""HTTP over ASGI: a request in one thread, a stream that ends with its client."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.core.signals import request_finished
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

from apps.core.handler import ThreadedHandler

pytestmark = pytest.mark.urls(__name__)

# asgiref has no types for it.
Communicator: Any = ApplicationCommunicator

answered_in: list[str] = []
stream_ended = threading.Event()
let_go = threading.Event()


def where(request: HttpRequest) -> HttpResponse:
    del request
    answered_in.append(threading.current_thread().name)
    return HttpResponse("here")


def endless(request: HttpRequest) -> StreamingHttpResponse:
    del request
    return StreamingHttpResponse(_pieces())


def short(request: HttpRequest) -> StreamingHttpResponse:
    del request
    return StreamingHttpResponse(_named_threads())


def broken(request: HttpRequest) -> HttpResponse:
    del request
    raise ValueError("a fault of ours")


def slow(request: HttpRequest) -> HttpResponse:
    del request
    assert let_go.wait(30)
    return HttpResponse("at last")


def named(request: HttpRequest) -> HttpResponse:
    answered_in.append(threading.current_thread().name)
    return HttpResponse(f"asked as {request.get_host()}")


urlpatterns = [
    path("slow", slow),
    path("healthz", where),
    path("readyz", slow),
    path("where", where),
    path("endless", endless),
    path("short", short),
    path("api/broken", broken),
    path("api/v1/app/version", named),
    path("api/named", named),
]


async def _pieces() -> AsyncIterator[bytes]:
    try:
        while True:
            yield b"piece"
            await asyncio.sleep(0.001)
    finally:
        stream_ended.set()


async def _named_threads() -> AsyncIterator[bytes]:
    for _turn in range(2):
        yield (await sync_to_async(threading.current_thread)()).name.encode() + b" "


@pytest.fixture
def handler(settings: Any) -> ThreadedHandler:
    settings.EASEL_WEB_THREADS = 1
    answered_in.clear()
    stream_ended.clear()
    let_go.clear()
    return ThreadedHandler()


def asked(handler: ThreadedHandler, address: str, *, host: bytes | None = b"testserver") -> Any:
    scope = {
        "type": "http",
        "method": "GET",
        "path": address,
        "query_string": b"",
        "headers": [] if host is None else [(b"host", host)],
    }
    return Communicator(handler, scope)


async def answer(communicator: Any) -> tuple[int, bytes]:
    await communicator.send_input({"type": "http.request", "body": b"", "more_body": False})
    start = await communicator.receive_output()
    body, more = b"", True
    while more:
        piece = await communicator.receive_output()
        body += piece.get("body", b"")
        more = piece.get("more_body", False)
    await communicator.wait()
    return start["status"], body


async def test_requests_share_a_lasting_thread(handler: ThreadedHandler) -> None:
    assert await answer(asked(handler, "/where")) == (200, b"here")
    assert await answer(asked(handler, "/where")) == (200, b"here")

    assert answered_in == ["request_0", "request_0"]


async def test_a_request_is_finished_in_its_thread(handler: ThreadedHandler) -> None:
    """Django's receivers give that thread's connections back."""
    finished: list[str] = []

    def note(**_: Any) -> None:
        finished.append(threading.current_thread().name)

    request_finished.connect(note)
    try:
        await answer(asked(handler, "/where"))
        await answer(asked(handler, "/short"))
    finally:
        request_finished.disconnect(note)

    assert finished == ["request_0", "request_0"]


async def test_a_fault_is_answered_in_the_envelope(handler: ThreadedHandler) -> None:
    status, body = await answer(asked(handler, "/api/broken"))

    assert status == 500
    assert b'"code": "internal"' in body
    assert b"a fault of ours" not in body


async def test_what_streams_has_a_thread_of_its_own(handler: ThreadedHandler) -> None:
    status, body = await answer(asked(handler, "/short"))
    first, second = body.split()

    assert (status, first) == (200, second)
    assert not first.startswith((b"request", b"MainThread"))


async def test_a_stream_ends_when_its_client_leaves(handler: ThreadedHandler) -> None:
    communicator = asked(handler, "/endless")
    await communicator.send_input({"type": "http.request", "body": b"", "more_body": False})
    assert (await communicator.receive_output())["status"] == 200
    assert (await communicator.receive_output())["body"] == b"piece"

    await communicator.send_input({"type": "http.disconnect"})
    await communicator.wait()

    assert stream_ended.is_set()
    # The only thread is free again.
    assert await answer(asked(handler, "/where")) == (200, b"here")


async def test_a_client_that_leaves_before_its_body_ends_is_not_answered(
    handler: ThreadedHandler,
) -> None:
    communicator = asked(handler, "/where")
    await communicator.send_input({"type": "http.disconnect"})
    await communicator.wait()

    assert await communicator.receive_nothing()
    assert answered_in == []


async def test_a_probe_does_not_wait_behind_other_requests(handler: ThreadedHandler) -> None:
    held = asked(handler, "/slow")
    await held.send_input({"type": "http.request", "body": b"", "more_body": False})
    try:
        assert await answer(asked(handler, "/healthz")) == (200, b"here")
        assert answered_in == ["probe_0"]
    finally:
        let_go.set()
    await held.wait()


@pytest.fixture
def _named(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["easel.example"]


@pytest.mark.usefixtures("_named")
@pytest.mark.parametrize("host", [b"10.0.11.5:8080", b"", None])
async def test_a_balancer_asks_by_address_and_does_not_wait(
    handler: ThreadedHandler, host: bytes | None
) -> None:
    held = asked(handler, "/slow", host=b"easel.example")
    await held.send_input({"type": "http.request", "body": b"", "more_body": False})
    try:
        check = asked(handler, "/api/v1/app/version", host=host)
        assert await answer(check) == (200, b"asked as easel.example")
        assert answered_in == ["probe_0"]
    finally:
        let_go.set()
    await held.wait()


@pytest.mark.usefixtures("_named")
@pytest.mark.parametrize("host", [b"easel.example", b"10.0.11.5:8080"])
async def test_who_asks_whether_all_is_ready_keeps_no_other_check_waiting(
    handler: ThreadedHandler, host: bytes
) -> None:
    held = asked(handler, "/readyz", host=host)
    await held.send_input({"type": "http.request", "body": b"", "more_body": False})
    try:
        check = asked(handler, "/api/v1/app/version", host=b"127.0.0.1:8080")
        assert await answer(check) == (200, b"asked as easel.example")
        assert await answer(asked(handler, "/healthz", host=b"easel.example")) == (200, b"here")
        assert answered_in == ["probe_0", "probe_0"]
    finally:
        let_go.set()
    assert (await held.receive_output())["status"] == 200
    await held.wait()


@pytest.mark.usefixtures("_named")
async def test_nothing_else_is_answered_for_a_strange_host(handler: ThreadedHandler) -> None:
    status, body = await answer(asked(handler, "/api/named", host=b"10.0.11.5:8080"))

    assert (status, b"10.0.11.5" in body) == (400, False)
    assert answered_in == []


@pytest.mark.usefixtures("_named")
async def test_a_check_by_our_name_is_a_request_like_others(handler: ThreadedHandler) -> None:
    check = asked(handler, "/api/v1/app/version", host=b"easel.example:443")

    assert await answer(check) == (200, b"asked as easel.example:443")
    assert answered_in == ["request_0"]
