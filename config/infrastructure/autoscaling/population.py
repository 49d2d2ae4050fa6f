"""Who asks for pictures, and when: plans, daily curve, bursts.

The plans, their tiers and parallel queues are the product's own. How often people come and what
they ask for then are assumptions, all of them in this module.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from apps.plans.products import PLANS, ModelAccess
from apps.plans.tiers import GpuTier

DAY = 86_400
MINUTE = 60

# Of 1000 users of a day, how many are on the plan, and the GPU seconds each of them spends. A
# starter's whole month is 5,000: they come some ten days of it and use a quarter.
USERS_OF_1000: Mapping[str, int] = {
    "trial": 690,
    "starter": 200,
    "pro": 70,
    "studio": 20,
    "tester": 10,
    "enterprise": 10,
}
SECONDS_A_DAY: Mapping[str, float] = {
    "trial": 60,
    "starter": 120,
    "pro": 300,
    "studio": 700,
    "tester": 120,
    "enterprise": 1500,
}

# Seconds of a picture of 1024×1024 in 20 steps, as guessed for a first quote (SD 1.5, SDXL, FLUX,
# Z-Image), and how often each is asked for.
PICTURE_SECONDS = (5.0, 13.5, 22.5, 37.5)
CHOICE: Mapping[ModelAccess, tuple[float, ...]] = {
    ModelAccess.SD_ONLY: (0.6, 0.4, 0.0, 0.0),
    ModelAccess.FLUX_INCLUDED: (0.25, 0.35, 0.3, 0.1),
    ModelAccess.FULL: (0.25, 0.35, 0.3, 0.1),
}
# Sizes and steps differ: a log-normal factor of mean 1.
SPREAD = 0.35
# Claim, load of parameters, file and rows: the GPU waits and nobody is charged.
OVERHEAD_SECONDS = 0.6
PICTURES_A_REQUEST = 2.5

PEAK_HOUR = 20
# The busiest moment of an ordinary day has 1.6 times the mean, the quietest 0.4.
SWING = 0.6
BURSTS = 2
BURST_SECONDS = 20 * MINUTE
BURST_FACTOR = 2.5


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody asks for `jobs` pictures at `at`, of which `parallel` may run at once."""

    at: float
    plan: int
    jobs: int
    parallel: int


@dataclass(frozen=True, slots=True)
class Habit:
    """What the users of one plan ask for: requests a day, jobs of one, seconds of a job."""

    requests_a_day: float
    pictures_a_request: float
    parallel: int
    picture_seconds: tuple[float, ...]
    choice: tuple[float, ...]
    spread: float = SPREAD
    overhead: float = OVERHEAD_SECONDS

    @property
    def mean_seconds(self) -> float:
        """Return how long a job keeps a GPU on the average."""
        return float(np.dot(self.picture_seconds, self.choice)) + self.overhead


def habits_of(*, tier: GpuTier, daily_users: int) -> list[Habit]:
    """List the habits of the plans that `tier` serves, of `daily_users` of all plans."""
    found = []
    for slug, share in USERS_OF_1000.items():
        plan = PLANS[slug]
        if plan.gpu_tier != tier:
            continue
        choice = CHOICE[plan.models]
        jobs = share / 1000 * daily_users * SECONDS_A_DAY[slug] / np.dot(PICTURE_SECONDS, choice)
        found.append(
            Habit(
                requests_a_day=float(jobs) / PICTURES_A_REQUEST,
                pictures_a_request=PICTURES_A_REQUEST,
                parallel=plan.parallel_queues or 1_000,
                picture_seconds=PICTURE_SECONDS,
                choice=choice,
            )
        )
    return found


def offered_load(habits: Sequence[Habit]) -> float:
    """Return how many GPUs would be busy on the average if nobody waited (erlang)."""
    return sum(
        habit.requests_a_day * habit.pictures_a_request * habit.mean_seconds for habit in habits
    ) / float(DAY)


class Demand:
    """Requests in the order of their time, and the seconds of each job, from one seed.

    Arrivals and services have generators of their own, so that two rules that are compared meet
    the same requests at the same moments.
    """

    def __init__(
        self,
        habits: Sequence[Habit],
        *,
        seed: int,
        swing: float = SWING,
        bursts: int = BURSTS,
    ) -> None:
        self.habits = list(habits)
        self._swing = swing
        arrivals, services = np.random.SeedSequence(seed).spawn(2)
        self._arrivals = np.random.default_rng(arrivals)
        self._services = np.random.default_rng(services)
        self._bursts = sorted(
            float(start) for start in self._arrivals.uniform(0, DAY - BURST_SECONDS, bursts)
        )
        self._drawn: list[list[float]] = [[] for _habit in self.habits]

    def intensity(self, at: float) -> float:
        """Return the rate of requests at a moment over its mean, bursts included."""
        hour = at / 3600 % 24
        curve = 1 + self._swing * math.cos(2 * math.pi * (hour - PEAK_HOUR) / 24)
        inside = any(start <= at < start + BURST_SECONDS for start in self._bursts)
        return curve * (BURST_FACTOR if inside else 1.0)

    def requests(self, until: float) -> Iterator[Request]:
        """Draw the requests of each minute: a Poisson process whose rate is constant in it."""
        rates = np.array([habit.requests_a_day / DAY for habit in self.habits])
        total = float(rates.sum())
        if not total:
            return
        shares = rates / total
        draw = self._arrivals
        for start in range(0, int(until), MINUTE):
            count = int(draw.poisson(total * self.intensity(start + MINUTE / 2) * MINUTE))
            moments = np.sort(draw.uniform(start, start + MINUTE, count)).tolist()
            plans = draw.choice(len(shares), count, p=shares)
            means = np.array([habit.pictures_a_request for habit in self.habits])[plans]
            sizes = draw.geometric(1 / means).tolist()
            for at, plan, jobs in zip(moments, plans.tolist(), sizes, strict=True):
                yield Request(at, plan, jobs, self.habits[plan].parallel)

    def service_seconds(self, plan: int) -> float:
        """Draw how long the next job of a plan keeps its GPU."""
        drawn = self._drawn[plan]
        if not drawn:
            drawn.extend(self._draw(self.habits[plan]))
        return drawn.pop()

    def _draw(self, habit: Habit, count: int = 4096) -> list[float]:
        chosen = self._services.choice(habit.picture_seconds, count, p=habit.choice)
        sigma = habit.spread
        factors = self._services.lognormal(-(sigma**2) / 2, sigma, count)
        seconds: list[float] = (chosen * factors + habit.overhead).tolist()
        return seconds
