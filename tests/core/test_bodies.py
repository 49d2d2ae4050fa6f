"""A body that is too large is refused without being read to its end, by the server we run on."""

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from django.test import Client

from apps.core import bodies
from apps.core.bodies import BodyLimit, Message, Receive, Scope, Send, body_limit
from config.asgi import application

UPLOAD_BYTES = 200_000
CHUNK = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"


@pytest.fixture(autouse=True)
def small_limit(settings: Any) -> None:
    settings.EASEL_UPLOAD_MAX_BYTES = UPLOAD_BYTES


@pytest.fixture
def port() -> Iterator[int]:
    """Serve the product's ASGI application as in production, in a thread; yield the port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(application, lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def connect(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=10)


def test_an_announced_body_is_refused_before_any_of_it_is_sent(port: int) -> None:
    connection = connect(port)
    connection.putrequest("POST", "/api/v1/images")
    connection.putheader("Content-Type", "multipart/form-data; boundary=b")
    connection.putheader("Content-Length", str(body_limit() + 1))
    connection.endheaders()

    response = connection.getresponse()

    assert (response.status, response.headers["Content-Type"]) == (413, "application/json")
    assert response.headers["Connection"] == "close"
    body = json.loads(response.read())
    connection.close()
    assert sorted(body) == ["code", "detail", "error_id", "limit"]
    assert (body["code"], body["limit"]) == ("too_large", UPLOAD_BYTES + 64 * 1024)


def test_a_body_without_an_end_is_cut_off(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LINGER_SECONDS", 0.2)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(
            b"POST /api/v1/images HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        )
        answer = threading.Thread(target=send_without_end, args=(client,))
        answer.start()
        response = http.client.HTTPResponse(client, method="POST")
        response.begin()

        assert response.status == 413
        assert json.loads(response.read())["code"] == "too_large"
        answer.join(timeout=10)
        assert not answer.is_alive()


def send_without_end(client: socket.socket) -> None:
    """Send until the other side has closed the connection."""
    try:
        while True:
            client.sendall(CHUNK)
    except ConnectionError:
        return


def test_a_body_at_the_limit_reaches_the_application(port: int) -> None:
    connection = connect(port)
    connection.request("POST", "/nothing-here", body=b"x" * body_limit())
    response = connection.getresponse()
    response.read()
    connection.close()

    assert response.status == 404


async def test_nothing_is_read_beyond_the_byte_that_is_too_many() -> None:
    pieces = [b"x" * UPLOAD_BYTES] * 5
    taken: list[int] = []
    sent: list[Message] = []

    async def receive() -> Message:
        if sent:
            return {"type": "http.disconnect"}
        taken.append(len(pieces[len(taken)]))
        return {"type": "http.request", "body": pieces[0], "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    async def read_all(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            await asyncio.sleep(0)

    await BodyLimit(read_all)({"type": "http", "headers": []}, receive, send)

    assert taken == [UPLOAD_BYTES] * 2
    assert sent[0]["status"] == 413


@pytest.mark.parametrize(
    ("length", "status"),
    [("264x", 404), ("²", 404), ("9" * 5000, 413), ("265537", 413), ("265536", 404)],
)
def test_a_server_of_wsgi_refuses_by_the_announced_length(length: str, status: int) -> None:
    response = Client().get("/nothing-here", CONTENT_LENGTH=length)

    assert response.status_code == status
