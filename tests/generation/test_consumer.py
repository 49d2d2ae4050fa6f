"""The socket: the truth on connect, one's own events after it, nobody else's ever."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.cached_db import SessionStore

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.generation.events import Event, publisher
from apps.generation.selectors import save_progress
from apps.generation.services.jobs import cancel_job
from apps.generation.services.leases import claim_next_job
from apps.generation.services.queue import pause_queue
from apps.images.models import Archive, ArchiveStatus
from apps.images.signals import archive_changed
from apps.plans.tiers import GpuTier
from config.asgi import application
from tests.credits.moves import hold_for
from tests.database import in_thread
from tests.factories import make_batch, make_job

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/ws/v1/events"
FAILED: Event = {
    "type": "failed",
    "job_id": "j",
    "error": {"code": "internal", "detail": "x", "error_id": "e"},
}


@pytest.fixture(autouse=True)
async def fresh_channel_layer() -> AsyncIterator[None]:
    yield
    layer = get_channel_layer()
    assert layer is not None
    await layer.flush()


def session_cookie(user: User) -> str:
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


async def connect(
    user: User | None, *, origin: str = "http://testserver"
) -> tuple[WebsocketCommunicator, bool]:
    headers = [(b"origin", origin.encode()), (b"host", b"testserver")]
    if user is not None:
        cookie = await database_sync_to_async(session_cookie)(user)
        headers.append((b"cookie", cookie.encode()))
    socket = WebsocketCommunicator(application, URL, headers=headers)
    connected, _code = await socket.connect(timeout=10)
    return socket, connected


async def receive(socket: WebsocketCommunicator, *, queue: bool = False) -> dict[str, Any]:
    """Return the next event without its cursor; those of the queue, which follow many others,
    only if asked for.
    """
    while True:
        message: dict[str, Any] = json.loads(await socket.receive_from(timeout=10))
        del message["cursor"]
        if (message["type"] == "queue") == queue:
            return message


async def test_a_visitor_is_turned_away_with_a_code() -> None:
    socket, connected = await connect(None)

    assert connected
    assert await socket.receive_output(timeout=10) == {
        "type": "websocket.close",
        "code": 4401,
    }


async def test_another_site_cannot_open_the_socket(user: User) -> None:
    _socket, connected = await connect(user, origin="https://evil.example")

    assert not connected


async def test_a_page_reloaded_in_mid_job_learns_the_truth(
    user: User, starter: GenerationModel
) -> None:
    def begin() -> None:
        make_job(user, starter, prompt="waiting")
        job = claim_next_job(tiers=list(GpuTier), worker="w")
        assert job is not None
        save_progress(
            job_id=job.id,
            progress={
                "step": 3,
                "total": 20,
                "percent": 15,
                "seconds_left": 1.5,
                "preview": "data:image/webp;base64,AA==",
            },
        )
        make_job(user, starter, prompt="behind it")

    await in_thread(begin)()
    socket, _connected = await connect(user)
    snapshot = await receive(socket)
    await socket.disconnect()

    assert snapshot["type"] == "snapshot"
    behind, running = snapshot["jobs"]
    assert (behind["prompt"], behind["state"], behind["progress"]) == ("behind it", "queued", None)
    assert running["state"] == "running"
    assert running["progress"]["percent"] == 15
    assert running["progress"]["preview"].startswith("data:image/webp")


async def test_events_reach_every_socket_of_the_user_and_no_stranger(
    user: User, stranger: User
) -> None:
    sockets = [(await connect(user))[0] for _number in range(2)]
    theirs, _connected = await connect(stranger)
    for socket in (*sockets, theirs):
        await receive(socket)

    publisher.publish(user.id, FAILED)

    assert [await receive(socket) for socket in sockets] == [FAILED, FAILED]
    assert await theirs.receive_nothing(timeout=0.3)
    for socket in (*sockets, theirs):
        await socket.disconnect()


async def test_a_jobs_way_is_told_as_it_goes(user: User, starter: GenerationModel) -> None:
    socket, _connected = await connect(user)
    await receive(socket)

    job = await in_thread(make_job)(user, starter, prompt="a red circle")
    held = await receive(socket)
    queued = await receive(socket)
    await in_thread(claim_next_job)(tiers=list(GpuTier), worker="w")
    started = await receive(socket)
    other = await in_thread(make_job)(user, starter)
    held_too = await receive(socket)
    await receive(socket)
    await in_thread(cancel_job)(user=user, job_id=other.id)
    released = await receive(socket)
    finished = await receive(socket)
    await socket.disconnect()

    assert held == {"type": "balance", "available": 499, "held": 1}
    assert held_too == {"type": "balance", "available": 498, "held": 2}
    assert released == held
    assert queued == {
        "type": "queued",
        "job_id": str(job.id),
        "prompt": "a red circle",
        "created_at": job.created_at.isoformat(),
    }
    assert started == {"type": "started", "job_id": str(job.id), "attempt": 1}
    assert finished == {
        "type": "finished",
        "job_id": str(other.id),
        "state": "cancelled",
        "compute_seconds": None,
    }


async def test_places_in_the_queue_are_told_to_their_own_user_alone(
    user: User, stranger: User, starter: GenerationModel
) -> None:
    own, _connected = await connect(user)
    theirs, _connected = await connect(stranger)
    for socket in (own, theirs):
        await receive(socket)

    first, second = await in_thread(make_batch)(user, starter, 2)
    told = await receive(own, queue=True)
    await in_thread(pause_queue)(user=user)
    paused = await receive(own, queue=True)

    assert told == {
        "type": "queue",
        "paused": False,
        "waiting": 2,
        "running": 0,
        "jobs": [
            {"job_id": str(first.id), "position": 1, "waiting_for": "worker", "starts_in": None},
            {"job_id": str(second.id), "position": 2, "waiting_for": "own_job", "starts_in": None},
        ],
    }
    assert paused["paused"]
    assert [job["waiting_for"] for job in paused["jobs"]] == ["paused", "paused"]
    assert await theirs.receive_nothing(timeout=0.3)
    for socket in (own, theirs):
        await socket.disconnect()


async def test_a_balance_is_told_to_its_own_user_alone(user: User, stranger: User) -> None:
    own, _connected = await connect(user)
    theirs, _connected = await connect(stranger)
    snapshot = await receive(own)
    await receive(theirs)

    await in_thread(hold_for)(user_id=user.id, job_id=uuid.uuid4(), amount=40)

    assert snapshot["balance"] == {"available": 500, "held": 0}
    assert await receive(own) == {"type": "balance", "available": 460, "held": 40}
    assert await theirs.receive_nothing(timeout=0.3)
    for socket in (own, theirs):
        await socket.disconnect()


async def test_the_last_balance_told_is_the_true_one_however_many_change_it(user: User) -> None:
    socket, _connected = await connect(user)
    await receive(socket)
    holds = [in_thread(hold_for)(user_id=user.id, job_id=uuid.uuid4(), amount=1) for _ in range(8)]

    await asyncio.gather(*holds)
    told = [await receive(socket) for _ in holds]
    await socket.disconnect()

    assert told[-1] == {"type": "balance", "available": 492, "held": 8}


async def test_a_client_that_talks_is_closed(user: User) -> None:
    socket, _connected = await connect(user)
    await receive(socket)

    await socket.send_to(text_data="hello {")

    output = await socket.receive_output(timeout=10)
    assert (output["type"], output["code"]) == ("websocket.close", 1003)


async def test_a_torn_socket_leaves_the_others_alone(user: User) -> None:
    torn, _connected = await connect(user)
    kept, _connected = await connect(user)
    for socket in (torn, kept):
        await receive(socket)

    await torn.send_input({"type": "websocket.disconnect", "code": 1006})
    publisher.publish(user.id, FAILED)

    assert await receive(kept) == FAILED
    await kept.disconnect()


async def test_nothing_blocks_the_event_loop(user: User, starter: GenerationModel) -> None:
    await in_thread(make_job)(user, starter)
    with blockbuster_ctx() as watch:
        assert watch.functions
        socket, _connected = await connect(user)
        assert (await receive(socket))["type"] == "snapshot"
        publisher.publish(user.id, FAILED)
        assert await receive(socket) == FAILED
        await socket.disconnect()


async def test_the_progress_of_an_archive_is_told_to_its_user_alone(
    user: User, stranger: User
) -> None:
    socket, _connected = await connect(user)
    other, _connected = await connect(stranger)
    await receive(socket)
    await receive(other)
    archive = Archive(user=user, status=ArchiveStatus.READY, done=3, total=3)

    archive_changed.send(Archive, archive=archive)

    assert await receive(socket) == {
        "type": "archive",
        "id": str(archive.id),
        "status": "ready",
        "done": 3,
        "total": 3,
        "url": f"/api/v1/images/archives/{archive.id}/file",
    }
    assert await other.receive_nothing(timeout=0.3)
    await socket.disconnect()
    await other.disconnect()
