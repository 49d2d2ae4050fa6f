"""Who shares a forward pass: each with its pictures, its seconds and its own end."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from PIL import Image

from gpu_tasks.engine.errors import GenerationCancelled
from gpu_tasks.engine.request import (
    GenerationRequest,
    GenerationResult,
    PassMember,
    Phase,
    StepProgress,
)


@dataclass(slots=True, eq=False)
class Passenger:
    """A member on its way: `finished` holds whole pictures only, `seconds` its share so far.

    `end` is its result, or why it left early: it was cancelled, or its own callbacks failed.
    """

    member: PassMember
    finished: list[Image.Image] = field(default_factory=list)
    seconds: float = 0.0
    end: GenerationResult | Exception | None = None

    @property
    def request(self) -> GenerationRequest:
        return self.member.request

    @property
    def is_aboard(self) -> bool:
        return self.end is None

    @property
    def outcome(self) -> GenerationResult | Exception:
        return RuntimeError("the pass has not ended") if self.end is None else self.end

    def arrive(self, end: GenerationResult | Exception) -> None:
        """End the way of this member, and tell who waits for it."""
        self.end = end
        if self.member.on_end is not None:
            self.member.on_end(end)

    def start_again(self) -> None:
        self.finished.clear()
        self.seconds = 0.0

    def leave_if_cancelled(self) -> None:
        if self.member.is_cancelled is None:
            return
        try:
            cancelled = self.member.is_cancelled()
        except Exception as error:  # noqa: BLE001  (one member's fault is no other's)
            self.arrive(error)
            return
        if cancelled:
            self.arrive(
                GenerationCancelled(
                    images=tuple(self.finished),
                    seeds=self.request.seeds[: len(self.finished)],
                    compute_seconds=self.seconds,
                )
            )

    def report(self, progress: StepProgress) -> None:
        if self.member.on_step is None:
            return
        try:
            self.member.on_step(progress)
        except Exception as error:  # noqa: BLE001  (one member's fault is no other's)
            self.arrive(error)


def tell_phase(passengers: Iterable[Passenger], phase: Phase, begun_ns: int, ended_ns: int) -> None:
    """Tell each of those aboard who wants to hear it that a phase is over."""
    for passenger in passengers:
        if passenger.member.on_phase is None or not passenger.is_aboard:
            continue
        try:
            passenger.member.on_phase(phase, begun_ns, ended_ns)
        except Exception as error:  # noqa: BLE001  (one member's fault is no other's)
            passenger.arrive(error)


class SharedMeter:
    """Share the seconds of a pass among those aboard, by their parts of its pictures.

    The shares of all add up to the seconds of the pass.
    """

    def __init__(self) -> None:
        self._read_at = time.perf_counter()

    def read(self, passengers: Sequence[Passenger]) -> None:
        """Add what passed since the last reading; call it before anybody leaves."""
        now = time.perf_counter()
        aboard = [passenger for passenger in passengers if passenger.is_aboard]
        pictures = sum(passenger.request.num_images for passenger in aboard)
        for passenger in aboard:
            passenger.seconds += (now - self._read_at) * passenger.request.num_images / pictures
        self._read_at = now
