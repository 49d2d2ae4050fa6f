"""The simulated fleet against queueing theory, and what it does when instances come and go."""

import math
from dataclasses import replace

import pytest

from config.infrastructure.autoscaling.fleet import Fleet, Hardware
from config.infrastructure.autoscaling.population import DAY, Demand, Habit
from config.infrastructure.autoscaling.rules import BacklogTarget, Bounds, LoadTarget, Rule, Static

ALWAYS_THERE = Hardware(gpus=1, cold_start_seconds=0, losses_an_hour=0)
ONE_PICTURE = Habit(
    requests_a_day=10_000,
    pictures_a_request=1,
    parallel=1,
    picture_seconds=(8.0,),
    choice=(1.0,),
)


class Exponential(Demand):
    """Services without memory, as the M of M/M/c says."""

    def _draw(self, habit: Habit, count: int = 4096) -> list[float]:
        drawn: list[float] = self._services.exponential(habit.picture_seconds[0], count).tolist()
        return drawn


def erlang_c_wait(*, rate: float, seconds: float, servers: int) -> float:
    """Return the mean wait in M/M/c (Erlang 1917): C(c, a) / (c/s - rate)."""
    load = rate * seconds
    terms = sum(load**k / math.factorial(k) for k in range(servers))
    last = load**servers / math.factorial(servers) * servers / (servers - load)
    return last / (terms + last) / (servers / seconds - rate)


def run(
    *,
    habit: Habit = ONE_PICTURE,
    rule: Rule,
    bounds: Bounds,
    hardware: Hardware = ALWAYS_THERE,
    seed: int = 1,
    days: float = 1,
    kind: type[Demand] = Demand,
) -> Fleet:
    demand = kind([habit], seed=seed, swing=0, bursts=0)
    fleet = Fleet(demand=demand, rule=rule, bounds=bounds, hardware=hardware, seed=seed)
    fleet.simulate(seconds=days * DAY, first=bounds.minimum)
    return fleet


@pytest.mark.slow
@pytest.mark.parametrize(("servers", "load"), [(1, 0.6), (4, 0.7), (10, 0.7)])
def test_a_static_fleet_waits_as_long_as_erlang_says(servers: int, load: float) -> None:
    rate = servers * load / 8.0
    fleet = run(
        habit=replace(ONE_PICTURE, requests_a_day=rate * DAY),
        rule=Static(servers),
        bounds=Bounds(servers, servers),
        days=100_000 / (rate * DAY),
        kind=Exponential,
    )

    # With what came and what it took on this day: a thousandth more load waits a hundredth longer.
    expected = erlang_c_wait(
        rate=fleet.accepted / fleet.env.now,
        seconds=fleet.busy_seconds / fleet.done,
        servers=servers,
    )
    assert float(fleet.waits_and_ages.mean()) == pytest.approx(expected, rel=0.05)
    assert fleet.busy_seconds / fleet.paid_seconds == pytest.approx(load, rel=0.01)


def test_as_many_wait_as_arrive_during_a_wait() -> None:
    fleet = run(rule=Static(1), bounds=Bounds(1, 1), days=5)

    waiting = sum(sample.waiting for sample in fleet.samples) / len(fleet.samples)
    rate = fleet.accepted / (5 * DAY)

    assert waiting == pytest.approx(rate * float(fleet.waits_and_ages.mean()), rel=0.05)


def test_a_seed_gives_one_day_and_another_seed_another() -> None:
    days = [run(rule=LoadTarget(1, 8.6), bounds=Bounds(1, 9), seed=seed) for seed in (7, 7, 8)]

    assert days[0].waits == days[1].waits
    assert days[0].samples == days[1].samples
    assert days[0].waits != days[2].waits


def test_two_rules_meet_the_same_requests() -> None:
    one = run(rule=Static(1), bounds=Bounds(1, 1))
    other = run(rule=LoadTarget(1, 8.6), bounds=Bounds(1, 9))

    assert one.accepted == other.accepted


def test_of_a_request_no_more_is_due_than_the_plan_runs_in_parallel() -> None:
    many = replace(ONE_PICTURE, requests_a_day=20, pictures_a_request=40, picture_seconds=(60.0,))

    alone = run(habit=replace(many, parallel=1), rule=Static(9), bounds=Bounds(9, 9))
    three = run(habit=replace(many, parallel=3), rule=Static(9), bounds=Bounds(9, 9))

    assert max(sample.busy for sample in alone.samples) <= 3
    assert max(sample.busy for sample in three.samples) > 3
    assert alone.accepted == three.accepted


def test_a_lost_instance_is_replaced_and_its_jobs_are_done_elsewhere() -> None:
    fragile = Hardware(gpus=2, cold_start_seconds=60, losses_an_hour=2)

    fleet = run(rule=Static(3), bounds=Bounds(3, 3), hardware=fragile)

    assert fleet.losses > 100
    assert fleet.handed_back > 10
    assert fleet.done + fleet.busy + len(fleet.queue) == fleet.accepted
    assert {sample.paid for sample in fleet.samples} == {3}


def test_no_job_is_cut_off_and_nothing_is_paid_twice_when_a_fleet_shrinks() -> None:
    fleet = run(rule=BacklogTarget(2), bounds=Bounds(1, 20))

    assert fleet.handed_back == 0
    assert fleet.done + fleet.busy + len(fleet.queue) == fleet.accepted
    paid = sum(sample.paid for sample in fleet.samples) * 60
    assert fleet.paid_seconds == pytest.approx(paid, rel=0.02)


def test_a_new_instance_serves_only_after_its_cold_start() -> None:
    slow = Hardware(gpus=1, cold_start_seconds=600, losses_an_hour=0)

    fleet = run(rule=Static(5), bounds=Bounds(0, 5), hardware=slow, days=0.02)

    serving = [(sample.at, sample.serving, sample.paid) for sample in fleet.samples]
    assert next(at for at, ready, _paid in serving if ready) >= 60 + 480
    assert [serving[1], serving[-1]] == [(120, 0, 5), (1680, 5, 5)]
