"""Count the seconds of a node that are computing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from gpu_tasks.engine.errors import GenerationCancelled

_MEASURED: Final = frozenset({"generate", "denoise", "decode", "encode"})


class Stopwatch:
    """Count seconds from `start` on, but for the time of blocks that do not count."""

    def __init__(self) -> None:
        self._counted = 0.0
        self._since: float | None = None

    def start(self) -> None:
        self._since = time.perf_counter()

    @property
    def seconds(self) -> float:
        running = 0.0 if self._since is None else time.perf_counter() - self._since
        return self._counted + running

    def add(self, seconds: float) -> None:
        """Count seconds that were measured elsewhere."""
        self._counted += seconds

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Count nothing for the time of the block; blocks may lie within each other."""
        was_running = self._since is not None
        self._counted, self._since = self.seconds, None
        try:
            yield
        finally:
            if was_running:
                self.start()


class MeteredEngine:
    """Stand in for an engine; count of each call what the engine itself measured.

    That leaves out loading models, and waiting for another thread that uses the engine.
    """

    def __init__(self, engine: Any, watch: Stopwatch) -> None:
        self._engine = engine
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._engine, name)
        return self._measured(found) if name in _MEASURED else found

    def _measured(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with self._watch.stopped():
                try:
                    result = method(*args, **kwargs)
                except GenerationCancelled as cancelled:
                    self._watch.add(cancelled.compute_seconds)
                    raise
                self._watch.add(result.compute_seconds)
            return result

        return call
