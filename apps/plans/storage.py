"""How much a user stores, of everything that counts into the storage of a plan.

Pictures and models are kept by apps that know nothing of each other: each says at its start how
its own bytes are counted.
"""

import uuid
from typing import Protocol


class ByteCounter(Protocol):
    """Counts the bytes of one kind that a user stores."""

    def __call__(self, *, user_id: uuid.UUID) -> int: ...


_counters: list[ByteCounter] = []


def register_counter(counter: ByteCounter) -> None:
    """Count these bytes too, from an `AppConfig.ready()`."""
    if counter not in _counters:
        _counters.append(counter)


def used_bytes(*, user_id: uuid.UUID) -> int:
    """Return the bytes that a user stores; one query for each kind."""
    return sum(counter(user_id=user_id) for counter in _counters)
