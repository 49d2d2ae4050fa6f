"""Sweeps of apps that stand above this one, which the scheduler runs with its own."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OtherSweep:
    """Something to be done every `rounds` rounds of the scheduler; it returns how many it was."""

    name: str
    rounds: int
    run: Callable[[], int]


OTHER_SWEEPS: list[OtherSweep] = []


def register_sweep(sweep: OtherSweep) -> None:
    """Have the scheduler run `sweep` too, from an `AppConfig.ready()`."""
    if sweep not in OTHER_SWEEPS:
        OTHER_SWEEPS.append(sweep)
