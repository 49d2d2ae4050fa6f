"""A tier's queue and its instances over a day: starts, jobs, spot losses, scaling.

Jobs are served in the order in which they became due. That is close to the fairness of the real
claim: a user has no more jobs due than parallel queues, and the next of theirs goes to the end.
"""

from array import array
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import simpy

from config.infrastructure.autoscaling.population import Demand
from config.infrastructure.autoscaling.rules import MINUTE, Bounds, Rule, Signal


@dataclass(frozen=True, slots=True)
class Hardware:
    """What an instance is: GPUs, seconds from its order to its first claim, losses an hour."""

    gpus: int
    cold_start_seconds: float
    losses_an_hour: float


@dataclass(frozen=True, slots=True)
class Sample:
    """The tier at one minute; `paid` counts instances that start or drain too."""

    at: float
    waiting: int
    busy: int
    serving: int
    paid: int


@dataclass(slots=True, eq=False)
class Asked:
    """A request: whose it is, and how many of its jobs are not due yet."""

    plan: int
    behind: int


@dataclass(slots=True, eq=False)
class Instance:
    """A machine, paid for from its order to its end."""

    ordered_at: float
    ready: bool = False
    leaving: bool = False
    gpus: list["Gpu"] = field(default_factory=list)
    busy: int = 0


@dataclass(slots=True, eq=False)
class Gpu:
    """One worker and what it does."""

    instance: Instance
    run: "Run | None" = None


@dataclass(slots=True, eq=False)
class Run:
    """A job of `asked` on a GPU."""

    gpu: Gpu
    asked: Asked
    started: float


class Fleet:
    """One run of one tier; what happened is in its fields after `simulate`."""

    def __init__(
        self, *, demand: Demand, rule: Rule, bounds: Bounds, hardware: Hardware, seed: int
    ) -> None:
        self.demand = demand
        self.rule = rule
        self.bounds = bounds
        self.hardware = hardware
        self.env = simpy.Environment()
        self.queue: deque[tuple[float, Asked]] = deque()
        self.idle: list[Gpu] = []
        # In the order of their orders; a dict, since any of thousands may leave.
        self.instances: dict[Instance, None] = {}
        self.wanted = 0
        self.busy = 0
        self.waits: array[float] = array("f")
        self.samples: list[Sample] = []
        self.accepted = 0
        self.done = 0
        self.handed_back = 0
        self.losses = 0
        self.busy_seconds = 0.0
        self.paid_seconds = 0.0
        self._faults = np.random.default_rng([seed, 1])

    def simulate(self, *, seconds: float, first: int) -> None:
        """Run from midnight, with `first` instances that are ready."""
        self.wanted = self.bounds.clamp(first)
        for _number in range(self.wanted):
            self._order(cold_start=0)
        self.env.process(self._arrive(seconds))
        self.env.process(self._scale())
        self.env.run(until=seconds)
        self.paid_seconds += sum(seconds - each.ordered_at for each in self.instances)

    def _arrive(self, until: float) -> Generator[simpy.Event, None, None]:
        env = self.env
        for request in self.demand.requests(until):
            # Sums of floats may be late by a rounding.
            yield env.timeout(max(request.at - env.now, 0))
            at_once = min(request.jobs, request.parallel)
            self.accepted += request.jobs
            asked = Asked(request.plan, request.jobs - at_once)
            for _job in range(at_once):
                self._become_due(asked)

    def _become_due(self, asked: Asked) -> None:
        idle = self.idle
        while idle:
            gpu = idle.pop()
            if not gpu.instance.leaving:
                self._start(gpu, self.env.now, asked)
                return
        self.queue.append((self.env.now, asked))

    def _start(self, gpu: Gpu, due_at: float, asked: Asked) -> None:
        self.waits.append(self.env.now - due_at)
        seconds = self.demand.service_seconds(asked.plan)
        gpu.run = Run(gpu, asked, self.env.now)
        self.env.timeout(seconds, gpu.run).callbacks.append(self._finish)
        gpu.instance.busy += 1
        self.busy += 1

    def _finish(self, event: simpy.Event) -> None:
        run = cast(Run, event.value)
        gpu, asked = run.gpu, run.asked
        if gpu.run is not run:
            return  # it was handed back
        self.done += 1
        self._release(run)
        if asked.behind:
            asked.behind -= 1
            self.queue.append((self.env.now, asked))
        if not gpu.instance.leaving:
            self._claim(gpu)
        elif not gpu.instance.busy:
            self._end(gpu.instance)

    def _release(self, run: Run) -> None:
        run.gpu.run = None
        run.gpu.instance.busy -= 1
        self.busy -= 1
        self.busy_seconds += self.env.now - run.started

    def _claim(self, gpu: Gpu) -> None:
        if self.queue:
            self._start(gpu, *self.queue.popleft())
        else:
            self.idle.append(gpu)

    def _scale(self) -> Generator[simpy.Event, None, None]:
        while True:
            yield self.env.timeout(MINUTE)
            serving = sum(each.ready and not each.leaving for each in self.instances)
            now, waiting = self.env.now, len(self.queue)
            self.samples.append(Sample(now, waiting, self.busy, serving, len(self.instances)))
            wanted = self.bounds.clamp(
                self.rule.decide(Signal(now, waiting, self.busy, serving, self.wanted))
            )
            for _number in range(wanted - self.wanted):
                self._order(cold_start=self.hardware.cold_start_seconds)
            if wanted < self.wanted:
                self._send_away(self.wanted - wanted)
            self.wanted = wanted

    def _order(self, *, cold_start: float) -> None:
        instance = Instance(ordered_at=self.env.now)
        self.instances[instance] = None
        self.env.process(self._live(instance, cold_start * self._faults.uniform(0.8, 1.2)))

    def _live(self, instance: Instance, cold_start: float) -> Generator[simpy.Event, None, None]:
        yield self.env.timeout(cold_start)
        if instance.leaving:
            return
        instance.ready = True
        instance.gpus = [Gpu(instance) for _number in range(self.hardware.gpus)]
        for gpu in instance.gpus:
            self._claim(gpu)
        if not self.hardware.losses_an_hour:
            return
        yield self.env.timeout(self._faults.exponential(3600 / self.hardware.losses_an_hour))
        if not instance.leaving:
            self._lose(instance)

    def _lose(self, instance: Instance) -> None:
        """Take a spot notice: hand back what runs, go, and have another ordered."""
        self.losses += 1
        instance.leaving = True
        for gpu in instance.gpus:
            if gpu.run is not None:
                self.queue.appendleft((self.env.now, gpu.run.asked))
                self._release(gpu.run)
                self.handed_back += 1
        self._end(instance)
        self._order(cold_start=self.hardware.cold_start_seconds)

    def _send_away(self, count: int) -> None:
        """Shrink: first what is not ready, the latest order first, then what has least to do."""
        staying = [each for each in reversed(self.instances) if not each.leaving]
        staying.sort(key=lambda each: (each.ready, each.busy))
        for instance in staying[:count]:
            instance.leaving = True
            if not instance.busy:
                self._end(instance)

    def _end(self, instance: Instance) -> None:
        del self.instances[instance]
        self.paid_seconds += self.env.now - instance.ordered_at

    @property
    def waits_and_ages(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return the waits of all jobs; for those that still wait, their age: a lower bound."""
        now = self.env.now
        ages = np.array([now - due_at for due_at, _asked in self.queue], dtype=np.float32)
        return np.concatenate((np.frombuffer(self.waits, dtype=np.float32), ages))
