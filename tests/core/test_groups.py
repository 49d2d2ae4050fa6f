"""Sending to sockets never holds anybody up, whatever Redis does."""

import time

import pytest

from apps.core import groups
from apps.core.groups import GroupSender

MESSAGE = {"type": "job.event", "json": "{}"}


class StuckLayer:
    """A channel layer that never answers."""

    def __init__(self) -> None:
        self.sent = 0

    async def group_send(self, group: str, message: object) -> None:
        self.sent += 1
        raise ConnectionError("away")


def test_a_layer_that_fails_is_only_logged_and_the_next_message_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layer = StuckLayer()
    monkeypatch.setattr(groups, "get_channel_layer", lambda: layer)
    sender = GroupSender()

    for _number in range(3):
        sender.send("user.1", MESSAGE)
    sender.flush(timeout=5)

    assert layer.sent == 3


def test_messages_beyond_the_limit_are_dropped_without_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sender = GroupSender()
    monkeypatch.setattr(sender, "_send_all", lambda _queue: _forever())
    monkeypatch.setattr(groups, "MAX_UNSENT", 5)

    started = time.monotonic()
    for _number in range(10):
        sender.send("user.1", MESSAGE)

    assert time.monotonic() - started < 1
    assert sender._unsent == 5
    sender.flush(timeout=0.05)


async def _forever() -> None:
    import asyncio

    await asyncio.sleep(3600)
