"""What an engine counts of its models, by their keys."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class ModelCounts:
    """Uses of models that were in memory, loads with their seconds, and shortages of memory."""

    hits: Counter[str] = field(default_factory=Counter)
    loads: Counter[str] = field(default_factory=Counter)
    load_seconds: dict[str, float] = field(default_factory=dict)
    shortages: Counter[str] = field(default_factory=Counter)


class CountKeeper:
    """Count from any thread, and hand over what came since the last time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = ModelCounts()

    def hit(self, model: str) -> None:
        with self._lock:
            self._counts.hits[model] += 1

    def loaded(self, model: str, *, seconds: float) -> None:
        with self._lock:
            self._counts.loads[model] += 1
            total = self._counts.load_seconds.get(model, 0.0)
            self._counts.load_seconds[model] = total + seconds

    def ran_short(self, model: str) -> None:
        with self._lock:
            self._counts.shortages[model] += 1

    def take(self) -> ModelCounts:
        with self._lock:
            taken, self._counts = self._counts, ModelCounts()
        return taken
