"""Which days are simulated, and what is said of one."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from apps.plans.tiers import TIERS, GpuTier
from config.infrastructure.autoscaling.fleet import Fleet, Hardware, Sample
from config.infrastructure.autoscaling.population import DAY, Demand, habits_of, offered_load
from config.infrastructure.autoscaling.rules import BacklogTarget, Bounds, LoadTarget, Rule, Steps

# The maximum of DESIGN, and one that no rule reaches.
GIVEN, UNLIMITED = 10, 100_000
# From the order to the first claim: boot, image, weights from storage to the GPU. Assumed.
COLD_START_SECONDS = {
    GpuTier.BASIC: 240.0,
    GpuTier.HIGH_PERFORMANCE: 300.0,
    GpuTier.DEDICATED: 420.0,
}
# One loss in fifty hours of an instance: worse than what AWS publishes for these types. A
# p4d.24xlarge is not bought as spot.
LOSSES_AN_HOUR = {
    GpuTier.BASIC: 0.02,
    GpuTier.HIGH_PERFORMANCE: 0.02,
    GpuTier.DEDICATED: 0.0,
}
# A job may wait this long before the backlog asks for more; over the mean of a job it is the
# target of BacklogTarget.
ACCEPTABLE_WAIT_SECONDS = 30.0


def hardware_of(tier: GpuTier) -> Hardware:
    return Hardware(TIERS[tier].gpus_per_instance, COLD_START_SECONDS[tier], LOSSES_AN_HOUR[tier])


def _steps(tier: GpuTier, mean: float) -> Rule:
    return Steps()


def _steps_from_zero(tier: GpuTier, mean: float) -> Rule:
    return Steps(wakes_from_zero=True)


def _backlog(tier: GpuTier, mean: float) -> Rule:
    return BacklogTarget(ACCEPTABLE_WAIT_SECONDS / mean * TIERS[tier].gpus_per_instance)


def _load(tier: GpuTier, mean: float) -> Rule:
    return LoadTarget(TIERS[tier].gpus_per_instance, mean)


RULES: dict[str, Callable[[GpuTier, float], Rule]] = {
    "steps": _steps,
    "steps, woken": _steps_from_zero,
    "backlog": _backlog,
    "load": _load,
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """A day of a tier."""

    daily_users: int
    tier: GpuTier
    rule: str
    maximum: int


@dataclass(slots=True)
class Outcome:
    """What a day came to. Waits are from due to start, in seconds; cost is in dollars.

    Jobs that still waited at the day's end count with their age: the true figure is higher.
    """

    scenario: Scenario
    load: float
    jobs: int
    wait_p50: float
    wait_p95: float
    wait_p99: float
    utilisation: float
    dollars_an_hour: float
    dollars_per_1000: float
    peak: int
    left: int
    handed_back: int
    seconds: float
    samples: list[Sample] = field(repr=False)


def scenarios(*, quick: bool) -> list[Scenario]:
    """List the days: each population within the given maximum, the larger ones without it too."""
    populations = [(100, [GIVEN]), (10_000, [GIVEN, UNLIMITED])]
    if not quick:
        populations.append((1_000_000, [GIVEN, UNLIMITED]))
    return [
        Scenario(daily_users, tier, rule, maximum)
        for daily_users, maxima in populations
        for tier in GpuTier
        for maximum in maxima
        for rule in RULES
        # Only the dedicated tier has no instance to begin with.
        if tier == GpuTier.DEDICATED or rule != "steps, woken"
    ]


def simulate(scenario: Scenario, *, seed: int, seconds: int = DAY) -> Outcome:
    """Run the day. It begins with the fleet that its first hour needs, as far as it may."""
    started = time.process_time()
    tier, spec = scenario.tier, TIERS[scenario.tier]
    habits = habits_of(tier=tier, daily_users=scenario.daily_users)
    load = offered_load(habits)
    rate = sum(habit.requests_a_day * habit.pictures_a_request for habit in habits) / DAY
    minimum = 0 if tier == GpuTier.DEDICATED else 1
    demand = Demand(habits, seed=seed)
    fleet = Fleet(
        demand=demand,
        rule=RULES[scenario.rule](tier, load / rate),
        bounds=Bounds(minimum, scenario.maximum),
        hardware=hardware_of(tier),
        seed=seed,
    )
    first = round(load * demand.intensity(0) / 0.75 / spec.gpus_per_instance)
    fleet.simulate(seconds=seconds, first=first)
    dollars = fleet.paid_seconds / 3600 * float(spec.dollars_per_hour)
    p50, p95, p99 = _percentiles(fleet)
    return Outcome(
        scenario=scenario,
        load=load,
        jobs=fleet.accepted,
        wait_p50=p50,
        wait_p95=p95,
        wait_p99=p99,
        utilisation=fleet.busy_seconds / max(fleet.paid_seconds * spec.gpus_per_instance, 1),
        dollars_an_hour=dollars / (seconds / 3600),
        dollars_per_1000=dollars / max(fleet.done, 1) * 1000,
        peak=max((sample.paid for sample in fleet.samples), default=0),
        left=len(fleet.queue),
        handed_back=fleet.handed_back,
        seconds=time.process_time() - started,
        samples=fleet.samples,
    )


def _percentiles(fleet: Fleet) -> tuple[float, float, float]:
    waits = fleet.waits_and_ages
    if not len(waits):
        return 0.0, 0.0, 0.0
    p50, p95, p99 = np.percentile(waits, (50, 95, 99)).tolist()
    return p50, p95, p99
