"""Who comes back to the socket is told what was missed: in order, once, and without a gap."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from unittest import mock

import pytest
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django_redis import get_redis_connection
from redis.exceptions import ConnectionError as RedisConnectionError

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core import groups, kept_messages
from apps.core.kept_messages import KEEP_SECONDS, MOST_KEPT, kept_key, parse_cursor
from apps.generation import consumers
from apps.generation.events import Event, publisher, user_group
from config.asgi import application
from tests.database import in_thread
from tests.factories import make_job
from tests.generation.test_consumer import session_cookie

pytestmark = pytest.mark.django_db(transaction=True)

PROGRESS: Event = {
    "type": "progress",
    "job_id": "j",
    "attempt": 1,
    "step": 1,
    "total": 20,
    "percent": 5,
    "seconds_left": None,
    "preview": "data:image/webp;base64,AA==",
}


@pytest.fixture(autouse=True)
async def fresh_channel_layer() -> AsyncIterator[None]:
    yield
    layer = get_channel_layer()
    assert layer is not None
    await layer.flush()


@pytest.fixture(autouse=True)
def _nothing_kept(user: User) -> None:
    get_redis_connection("default").delete(stream_of(user))


def stream_of(user: User) -> str:
    return kept_key(user_group(user.id))


def started(number: int) -> Event:
    return {"type": "started", "job_id": f"job {number}", "attempt": number}


def publish(user: User, *numbers: int) -> None:
    for number in numbers:
        publisher.publish(user.id, started(number))
    publisher.flush(timeout=10)


async def connect(user: User, cursor: str | None = None) -> WebsocketCommunicator:
    cookie = await in_thread(session_cookie)(user)
    query = "" if cursor is None else f"?cursor={cursor}"
    headers = [(b"origin", b"http://testserver"), (b"host", b"testserver")]
    socket = WebsocketCommunicator(
        application, f"/ws/v1/events{query}", headers=[*headers, (b"cookie", cookie.encode())]
    )
    connected, _code = await socket.connect(timeout=10)
    assert connected
    return socket


async def receive(socket: WebsocketCommunicator) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await socket.receive_from(timeout=10))
    return message


async def numbers(socket: WebsocketCommunicator, count: int) -> list[int]:
    """Return the numbers of the next started jobs, whatever else comes between them."""
    found: list[int] = []
    while len(found) < count:
        message = await receive(socket)
        if message["type"] == "started":
            found.append(message["attempt"])
        assert message["type"] != "snapshot"
    return found


async def test_who_comes_back_gets_what_was_missed_in_order_and_goes_on(user: User) -> None:
    first = await connect(user)
    assert (await receive(first))["type"] == "snapshot"
    await in_thread(publish)(user, 1, 2)
    seen = [await receive(first) for _ in range(2)]
    await first.disconnect()

    await in_thread(publish)(user, 3, 4, 5)
    second = await connect(user, seen[-1]["cursor"])
    missed = [await receive(second) for _ in range(3)]
    balance, queue = await receive(second), await receive(second)
    await in_thread(publish)(user, 6)
    live = await receive(second)
    await second.disconnect()

    assert [event["attempt"] for event in (*seen, *missed, live)] == [1, 2, 3, 4, 5, 6]
    assert missed[0] == {"cursor": missed[0]["cursor"], **started(3)}
    cursors = [kept_messages.place_of(event["cursor"]) for event in (*seen, *missed, live)]
    assert cursors == sorted(set(cursors))
    assert (balance["type"], balance["available"], balance["held"]) == ("balance", 500, 0)
    assert (queue["type"], queue["waiting"], queue["running"]) == ("queue", 0, 0)
    assert balance["cursor"] == queue["cursor"] == missed[-1]["cursor"]


async def test_a_snapshot_counts_the_queue_and_says_where_it_stands(
    user: User, starter: GenerationModel
) -> None:
    await in_thread(make_job)(user, starter)
    await in_thread(publish)(user, 1)

    socket = await connect(user)
    snapshot = await receive(socket)
    await socket.disconnect()

    newest = get_redis_connection("default").xrevrange(stream_of(user), count=1)
    assert snapshot["cursor"] == newest[0][0].decode()
    assert snapshot["queue"] == {"paused": False, "waiting": 1, "running": 0}


async def test_events_sent_between_reading_and_going_live_come_once(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    await in_thread(publish)(user, 1)
    [(entry, _fields)] = get_redis_connection("default").xrange(stream_of(user))
    await in_thread(publish)(user, 2)
    read = kept_messages.messages_since

    def publish_around(group: str, cursor: str) -> list[tuple[str, str]] | None:
        # After the socket has joined: this one is both read and sent.
        publish(user, 3)
        found = read(group, cursor)
        # This one is sent alone.
        publish(user, 4)
        return found

    monkeypatch.setattr(consumers, "messages_since", publish_around)
    socket = await connect(user, entry.decode())
    assert await numbers(socket, 3) == [2, 3, 4]
    monkeypatch.setattr(consumers, "messages_since", read)
    await in_thread(publish)(user, 5)
    assert await numbers(socket, 1) == [5]
    assert await socket.receive_nothing(timeout=0.3)
    await socket.disconnect()


async def test_the_control_of_that_test_sees_a_double(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the comparison of cursors the event that is both read and sent comes twice."""
    await in_thread(publish)(user, 1)
    [(entry, _fields)] = get_redis_connection("default").xrange(stream_of(user))
    read = kept_messages.messages_since

    def publish_before(group: str, cursor: str) -> list[tuple[str, str]] | None:
        publish(user, 2)
        return read(group, cursor)

    async def forward(self: consumers.EventConsumer, message: dict[str, str]) -> None:
        await self.send(text_data=json.dumps({"cursor": "", **json.loads(message["text"])}))

    monkeypatch.setattr(consumers, "messages_since", publish_before)
    monkeypatch.setattr(consumers.EventConsumer, "job_event", forward)
    socket = await connect(user, entry.decode())
    assert await numbers(socket, 2) == [2, 2]
    await socket.disconnect()


async def test_an_event_that_was_lost_on_its_way_is_read_before_the_next_one(user: User) -> None:
    socket = await connect(user)
    await receive(socket)
    await in_thread(publish)(user, 1)
    assert await numbers(socket, 1) == [1]

    layer = get_channel_layer()
    assert layer is not None
    with mock.patch.object(type(layer), "group_send", create=True, new=mock.AsyncMock()):
        await in_thread(publish)(user, 2)
    assert await socket.receive_nothing(timeout=0.2)
    await in_thread(publish)(user, 3)

    assert await numbers(socket, 2) == [2, 3]
    await socket.disconnect()


@pytest.mark.parametrize("before", [(), (0,)])
async def test_events_that_overtake_each_other_are_put_in_order(
    user: User, before: tuple[int, ...]
) -> None:
    await in_thread(publish)(user, *before)
    socket = await connect(user)
    await receive(socket)
    layer = get_channel_layer()
    assert layer is not None
    sent: list[dict[str, Any]] = []

    async def hold(_self: Any, group: str, message: dict[str, Any]) -> None:
        sent.append(message)

    with mock.patch.object(type(layer), "group_send", create=True, new=hold):
        await in_thread(publish)(user, 1, 2, 3)
    for message in reversed(sent):
        await layer.group_send(user_group(user.id), message)

    assert await numbers(socket, 3) == [1, 2, 3]
    assert await socket.receive_nothing(timeout=0.3)
    await socket.disconnect()


async def test_a_cursor_that_is_not_there_any_more_gets_the_snapshot(user: User) -> None:
    await in_thread(publish)(user, 1)
    [(oldest, _fields)] = get_redis_connection("default").xrange(stream_of(user))
    await in_thread(publish)(user, *range(2, MOST_KEPT + 150))
    length = get_redis_connection("default").xlen(stream_of(user))

    socket = await connect(user, oldest.decode())
    assert (await receive(socket))["type"] == "snapshot"
    await socket.disconnect()
    # Trimmed in whole nodes, of a hundred entries each.
    assert MOST_KEPT <= length <= MOST_KEPT + 100


@pytest.mark.parametrize(
    "cursor", ["", "0-0", "99999999999999-0", "x", "1-2;DROP", "1" * 40 + "-1", "-", "+", "%00-1"]
)
async def test_a_cursor_that_nobody_gave_gets_the_snapshot(user: User, cursor: str) -> None:
    await in_thread(publish)(user, 1)

    socket = await connect(user, cursor)

    assert (await receive(socket))["type"] == "snapshot"
    await socket.disconnect()


async def test_a_cursor_of_somebody_else_tells_nothing_of_theirs(
    user: User, stranger: User
) -> None:
    await in_thread(publish)(stranger, 1)
    [(entry, _fields)] = get_redis_connection("default").xrange(stream_of(stranger))
    await in_thread(publish)(stranger, 2)

    socket = await connect(user, entry.decode())

    assert (await receive(socket))["type"] == "snapshot"
    assert await socket.receive_nothing(timeout=0.3)
    await socket.disconnect()


async def test_progress_is_sent_and_not_kept(user: User) -> None:
    socket = await connect(user)
    snapshot = await receive(socket)

    publisher.publish(user.id, PROGRESS)
    progress = await receive(socket)
    await socket.disconnect()

    assert progress == {"cursor": snapshot["cursor"], **PROGRESS}
    assert get_redis_connection("default").exists(stream_of(user)) == 0


async def test_what_is_kept_ends_by_itself(user: User) -> None:
    await in_thread(publish)(user, 1)

    assert 0 < get_redis_connection("default").ttl(stream_of(user)) <= KEEP_SECONDS


async def test_without_redis_events_are_lost_and_the_snapshot_heals(user: User) -> None:
    await in_thread(publish)(user, 1)
    socket = await connect(user)
    await receive(socket)
    away = mock.AsyncMock(side_effect=RedisConnectionError)
    layer = get_channel_layer()
    assert layer is not None
    with (
        mock.patch.object(groups, "keep", new=away),
        mock.patch.object(type(layer), "group_send", create=True, new=away),
    ):
        await in_thread(publish)(user, 2)
    assert await socket.receive_nothing(timeout=0.2)

    # The page that is open is told anew, and so is one that comes back.
    await in_thread(publish)(user, 3)
    healed = await receive(socket)
    await socket.disconnect()
    again = await connect(user, healed["cursor"])
    await in_thread(publish)(user, 4)

    assert healed["type"] == "snapshot"
    assert await numbers(again, 1) == [4]
    await again.disconnect()


async def test_an_event_that_cannot_be_kept_is_sent_all_the_same(user: User) -> None:
    socket = await connect(user)
    await receive(socket)
    with mock.patch.object(groups, "keep", new=mock.AsyncMock(side_effect=RedisConnectionError)):
        await in_thread(publish)(user, 1)

    assert await numbers(socket, 1) == [1]
    await socket.disconnect()


async def test_a_socket_opens_while_what_is_kept_cannot_be_read(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "messages_since", mock.Mock(side_effect=RedisConnectionError))
    monkeypatch.setattr(consumers, "last_cursor", mock.Mock(side_effect=RedisConnectionError))

    socket = await connect(user, "1-1")
    snapshot = await receive(socket)
    await socket.disconnect()

    assert (snapshot["type"], snapshot["cursor"]) == ("snapshot", "")


async def test_a_quiet_socket_beats(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "HEARTBEAT_SECONDS", 0.05)
    socket = await connect(user)
    snapshot = await receive(socket)

    beats = [await receive(socket) for _ in range(2)]
    await socket.disconnect()
    await asyncio.sleep(0.15)

    assert beats == [{"cursor": snapshot["cursor"], "type": "heartbeat"}] * 2
    assert await socket.receive_nothing(timeout=0.1)


@pytest.mark.parametrize("text", ["1-0", "1764225600000-12"])
def test_a_cursor_is_two_numbers(text: str) -> None:
    assert parse_cursor(text) == text


async def test_many_publishers_at_once_leave_no_gap_and_no_double(user: User) -> None:
    await in_thread(publish)(user, 1000)
    socket = await connect(user)
    await receive(socket)
    senders = [groups.GroupSender() for _ in range(4)]

    def publish_all(number: int) -> None:
        for at in range(25):
            event = started(100 * number + at)
            text = json.dumps(event)
            senders[number].send_kept(user_group(user.id), {"type": "job.event"}, text=text)
        senders[number].flush(timeout=10)

    await asyncio.gather(*(in_thread(publish_all)(number) for number in range(4)))
    found = await numbers(socket, 100)
    kept = get_redis_connection("default").xrange(stream_of(user))
    await socket.disconnect()

    assert found == [json.loads(fields[b"text"])["attempt"] for _entry, fields in kept[1:]]
    assert sorted(found) == sorted(100 * number + at for number in range(4) for at in range(25))
