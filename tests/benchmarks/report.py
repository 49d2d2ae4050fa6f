"""What a benchmark says: figures, and targets with their limits."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Target:
    """A figure with the limit it has to keep."""

    value: float
    limit: float
    better: Literal["lower", "higher"] = "lower"

    @property
    def ok(self) -> bool:
        return self.value <= self.limit if self.better == "lower" else self.value >= self.limit


@dataclass(slots=True)
class Report:
    """The outcome of one run of one benchmark."""

    bench: str
    figures: dict[str, float] = field(default_factory=dict)
    targets: dict[str, Target] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return all(target.ok for target in self.targets.values())

    def to_json(self) -> dict[str, Any]:
        return {
            "bench": self.bench,
            "ok": self.ok,
            "figures": {name: round(value, 4) for name, value in self.figures.items()},
            "targets": {
                name: {
                    "value": round(target.value, 4),
                    "limit": target.limit,
                    "better": target.better,
                    "ok": target.ok,
                }
                for name, target in self.targets.items()
            },
        }


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the `percent`-th percentile of at least two values, interpolated."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
