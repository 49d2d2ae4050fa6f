"""The last messages to a group, kept for a while for sockets that were away when they were sent."""

import re
from collections.abc import Sequence
from typing import Any, Final

from django_redis import get_redis_connection

# A connection is gone for seconds, a closed lid for minutes; who is away longer begins anew.
KEEP_SECONDS: Final = 15 * 60
# Each is at most the record of a picture, some 2 kB: half a megabyte for a user in mid-batch.
MOST_KEPT: Final = 256
_CURSOR = re.compile(r"\A(\d{1,19})-(\d{1,19})\Z", re.ASCII)


def kept_key(group: str) -> str:
    """Name the stream in Redis that has the last messages to `group`."""
    return f"events:{group}"


def parse_cursor(text: str) -> str | None:
    """Return `text` if it is the place of a message in a stream, which a client claims."""
    return text if _CURSOR.match(text) else None


def place_of(cursor: str) -> tuple[int, int]:
    """Return what orders cursors; "", before the first message, comes before all of them."""
    milliseconds, _dash, number = cursor.partition("-")
    return int(milliseconds or 0), int(number or 0)


def last_cursor(group: str) -> str:
    """Return the place of the last message that is kept for `group`, "" if there is none.

    Raises:
        RedisError: Redis is away.
    """
    newest = get_redis_connection("default").xrevrange(kept_key(group), count=1)
    return newest[0][0].decode() if newest else ""


def messages_since(group: str, cursor: str) -> list[tuple[str, str]] | None:
    """Return what was sent to `group` after `cursor`, as cursors and texts in their order.

    The message at `cursor` must still be there itself: the oldest go first, so nothing that came
    after it can have gone. `None` if it is not. A `cursor` of "" is of a time when nothing was
    kept yet.

    Raises:
        RedisError: Redis is away.
    """
    found = get_redis_connection("default").xrange(kept_key(group), min=cursor or "-")
    kept = [(entry.decode(), fields[b"text"].decode()) for entry, fields in found]
    if not cursor:
        return kept if len(kept) < MOST_KEPT else None
    if not kept or kept[0][0] != cursor:
        return None
    return kept[1:]


async def keep(redis: Any, group: str, text: str, *, lost: Sequence[str] = ()) -> tuple[str, str]:
    """Keep a message, in one round trip; return the cursor of the one before it and its own.

    Messages may arrive in another order than they are kept, or not at all: who reads them knows
    by the first of the two whether one is missing. `lost` are groups of which a message could not
    be kept: what is there of them has a hole, which nobody may skip unseen.

    Raises:
        RedisError: Redis is away.
    """
    key = kept_key(group)
    pipeline = redis.pipeline(transaction=True)
    if lost:
        pipeline.delete(*map(kept_key, lost))
    pipeline.xrevrange(key, count=1)
    pipeline.xadd(key, {"text": text}, maxlen=MOST_KEPT, approximate=True)
    pipeline.expire(key, KEEP_SECONDS)
    newest, added, _expires = (await pipeline.execute())[-3:]
    return (newest[0][0].decode() if newest else ""), added.decode()
