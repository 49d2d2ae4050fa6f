"""Keep loaded models until a limit of bytes is reached; the one used longest ago goes first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Sized(Protocol):
    @property
    def nbytes(self) -> int: ...


Key = TypeVar("Key", bound=Hashable)
Model = TypeVar("Model", bound=Sized)


@dataclass(slots=True)
class _Entry(Generic[Model]):
    model: Model
    users: int = 0


class ModelCache(Generic[Key, Model]):
    """Share loaded models between threads, within `limit_bytes`.

    A model in use is never dropped, since that would free nothing, so the limit may be passed
    while more is in use than fits. A model larger than the limit is dropped after its use.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._entries: OrderedDict[Key, _Entry[Model]] = OrderedDict()
        self._loading: dict[Key, Future[None]] = {}

    @contextmanager
    def use(
        self, key: Key, load: Callable[[], Model], *, expected_bytes: Callable[[], int]
    ) -> Iterator[Model]:
        """Hold the model `key` for the time of the block, after loading it if need be.

        One thread loads, the others wait for it and try for themselves when it failed. Before a
        load as much is dropped as the model will need (`expected_bytes`), so that the old and the
        new do not lie in memory together.
        """
        entry = self._take(key, load, expected_bytes)
        try:
            yield entry.model
        finally:
            with self._lock:
                entry.users -= 1
                dropped = self._trim(room_for=0)
            # Freed here: a destructor must not run with the lock held.
            del dropped, entry

    def _take(
        self, key: Key, load: Callable[[], Model], expected_bytes: Callable[[], int]
    ) -> _Entry[Model]:
        while True:
            with self._lock:
                if entry := self._entries.get(key):
                    self._entries.move_to_end(key)
                    entry.users += 1
                    return entry
                other = self._loading.get(key)
                if other is None:
                    mine = self._loading[key] = Future()
                    break
            other.result()
        try:
            room = expected_bytes()
            with self._lock:
                dropped = self._trim(room_for=room)
            del dropped
            entry = _Entry(load(), users=1)
            with self._lock:
                self._entries[key] = entry
                dropped = self._trim(room_for=0)
            del dropped
            return entry
        finally:
            with self._lock:
                del self._loading[key]
            mine.set_result(None)

    def drop(self, key: Key) -> bool:
        """Forget a model now; whoever uses it keeps it until done. Say whether it was there."""
        with self._lock:
            entry = self._entries.pop(key, None)
        return entry is not None

    def drop_unused(self) -> int:
        """Forget every model that nobody uses; return how many."""
        with self._lock:
            unused = [key for key, entry in self._entries.items() if not entry.users]
            dropped = [self._entries.pop(key) for key in unused]
        return len(dropped)

    def has_room(self, nbytes: int) -> bool:
        """Tell whether so much more fits beside what is in use now."""
        with self._lock:
            used = sum(entry.model.nbytes for entry in self._entries.values() if entry.users)
        return used + nbytes <= self.limit_bytes

    def loaded(self) -> tuple[Key, ...]:
        """Return what is loaded, the one used longest ago first."""
        with self._lock:
            return tuple(self._entries)

    @property
    def nbytes(self) -> int:
        with self._lock:
            return self._total()

    def _total(self) -> int:
        return sum(entry.model.nbytes for entry in self._entries.values())

    def _trim(self, *, room_for: int) -> list[_Entry[Model]]:
        """Take out what is unused, oldest first, until `room_for` more bytes fit."""
        dropped: list[_Entry[Model]] = []
        total = self._total() + room_for
        for key in [key for key, entry in self._entries.items() if not entry.users]:
            if total <= self.limit_bytes:
                break
            entry = self._entries.pop(key)
            total -= entry.model.nbytes
            dropped.append(entry)
        return dropped
