"""Publishing never holds anybody up, whatever Redis does."""

import time
import uuid

import pytest

from apps.generation import events
from apps.generation.events import EventPublisher, StartedEvent

EVENT: StartedEvent = {"type": "started", "job_id": "j", "attempt": 1}


class StuckLayer:
    """A channel layer that never answers."""

    def __init__(self) -> None:
        self.sent = 0

    async def group_send(self, group: str, message: object) -> None:
        self.sent += 1
        raise ConnectionError("away")


def test_a_layer_that_fails_is_only_logged_and_the_next_event_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layer = StuckLayer()
    monkeypatch.setattr(events, "get_channel_layer", lambda: layer)
    publisher = EventPublisher()

    for _number in range(3):
        publisher.publish(uuid.uuid4(), EVENT)
    publisher.flush(timeout=5)

    assert layer.sent == 3


def test_events_beyond_the_limit_are_dropped_without_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publisher = EventPublisher()
    monkeypatch.setattr(publisher, "_send_all", lambda _queue: _forever())
    monkeypatch.setattr(events, "MAX_UNSENT", 5)

    started = time.monotonic()
    for _number in range(10):
        publisher.publish(uuid.uuid4(), EVENT)

    assert time.monotonic() - started < 1
    assert publisher._unsent == 5
    publisher.flush(timeout=0.05)


async def _forever() -> None:
    import asyncio

    await asyncio.sleep(3600)
