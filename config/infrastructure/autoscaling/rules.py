"""How many instances a tier should have, by what is seen of it once a minute."""

import math
from dataclasses import dataclass, field
from typing import Protocol

MINUTE = 60


@dataclass(frozen=True, slots=True)
class Signal:
    """A tier at one moment: due jobs, GPUs at work, instances that serve and that were asked for.

    `wanted` includes the instances that are still starting.
    """

    at: float
    waiting: int
    busy: int
    serving: int
    wanted: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and the most instances of a tier."""

    minimum: int
    maximum: int

    def clamp(self, instances: int) -> int:
        return max(self.minimum, min(self.maximum, instances))


class Rule(Protocol):
    """Says how many instances there should be; the fleet keeps it within its bounds."""

    def decide(self, signal: Signal) -> int: ...


@dataclass(slots=True)
class Static:
    """Never changes anything."""

    instances: int

    def decide(self, signal: Signal) -> int:
        return self.instances


@dataclass(slots=True)
class Steps:
    """The given rules: above 10 waiting one more, above 50 three more, below 3 one less.

    A cool-down counts from the last time that instances were added, by either step. Below 3 must
    have held for ten minutes, and for ten more before the next is taken. `wakes_from_zero` adds
    what the rules do not say: a tier without an instance gets one as soon as anything waits.
    """

    wakes_from_zero: bool = False
    grown_at: float = field(default=-math.inf)
    quiet_since: float | None = None

    def decide(self, signal: Signal) -> int:
        since = signal.at - self.grown_at
        if signal.waiting >= 3:
            self.quiet_since = None
        elif self.quiet_since is None:
            self.quiet_since = signal.at
        if signal.waiting > 50 and since >= 3 * MINUTE:
            return self._grow(signal, 3)
        # Above 50 the smaller step would only push the larger one's cool-down on.
        if 10 < signal.waiting <= 50 and since >= 5 * MINUTE:
            return self._grow(signal, 1)
        if self.wakes_from_zero and signal.waiting and not signal.wanted:
            return self._grow(signal, 1)
        if self.quiet_since is not None and signal.at - self.quiet_since >= 10 * MINUTE:
            self.quiet_since = signal.at
            return signal.wanted - 1
        return signal.wanted

    def _grow(self, signal: Signal, instances: int) -> int:
        self.grown_at = signal.at
        return signal.wanted + instances


@dataclass(slots=True)
class BacklogTarget:
    """Target tracking on due jobs for each instance that serves, as AWS describes it.

    More when it was above the target for three minutes, in proportion; fewer when it was below
    nine tenths of it for fifteen, a tenth of the fleet at a time: how AWS shrinks is not published.
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-using-sqs-queue.html
    """

    jobs_per_instance: float
    above: int = 0
    below: int = 0

    def decide(self, signal: Signal) -> int:
        backlog = signal.waiting / max(signal.serving, 1)
        self.above = self.above + 1 if backlog > self.jobs_per_instance else 0
        self.below = self.below + 1 if backlog < 0.9 * self.jobs_per_instance else 0
        if not signal.wanted:
            return 1 if signal.waiting else 0
        if self.above >= 3:
            return max(signal.wanted, math.ceil(signal.waiting / self.jobs_per_instance))
        if self.below >= 15:
            self.below = 0
            return signal.wanted - max(1, signal.wanted // 10)
        return signal.wanted


@dataclass(slots=True)
class LoadTarget:
    """Target tracking on the GPUs at work, with room for the backlog to go within a minute.

    Follows the load, which is there before anybody waits. Shrinks to the most that the last
    fifteen minutes asked for.
    """

    gpus_per_instance: int
    seconds_of_a_job: float
    utilisation: float = 0.75
    recent: list[int] = field(default_factory=list)

    def decide(self, signal: Signal) -> int:
        backlog = signal.waiting * self.seconds_of_a_job / MINUTE
        gpus = signal.busy / self.utilisation + backlog
        self.recent = [*self.recent[-14:], math.ceil(gpus / self.gpus_per_instance)]
        return max(self.recent)
