"""The scaling rules: what they add and take, when, and what they never do."""

import pytest

from apps.plans.tiers import GpuTier
from config.infrastructure.autoscaling.population import (
    DAY,
    USERS_OF_1000,
    Demand,
    habits_of,
    offered_load,
)
from config.infrastructure.autoscaling.rules import (
    BacklogTarget,
    Bounds,
    LoadTarget,
    Rule,
    Signal,
    Steps,
)
from config.infrastructure.autoscaling.study import Scenario, simulate


def follow(rule: Rule, waiting: list[int], *, wanted: int, busy: int = 0) -> list[int]:
    """Show `rule` the jobs that wait, minute by minute; return the instances after each."""
    history = []
    for minute, jobs in enumerate(waiting):
        wanted = rule.decide(
            Signal(at=60.0 * minute, waiting=jobs, busy=busy, serving=wanted, wanted=wanted)
        )
        history.append(wanted)
    return history


def test_above_ten_one_more_every_five_minutes() -> None:
    assert follow(Steps(), [11] * 11, wanted=2) == [3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 5]


def test_above_fifty_three_more_every_three_minutes() -> None:
    assert follow(Steps(), [51] * 7, wanted=1) == [4, 4, 4, 7, 7, 7, 10]


def test_a_flood_need_not_wait_for_the_cool_down_of_the_small_step() -> None:
    assert follow(Steps(), [11, 51, 51, 51], wanted=1) == [2, 2, 2, 5]


@pytest.mark.parametrize("waiting", [3, 10])
def test_between_the_limits_nothing_changes(waiting: int) -> None:
    assert follow(Steps(), [waiting] * 30, wanted=4) == [4] * 30


def test_below_three_for_ten_minutes_one_less_and_again_after_ten_more() -> None:
    assert follow(Steps(), [2] * 21, wanted=4) == [4] * 10 + [3] * 10 + [2]


def test_ten_quiet_minutes_are_counted_anew_after_a_busier_one() -> None:
    assert follow(Steps(), [2] * 9 + [3] + [2] * 10, wanted=4) == [4] * 20


def test_the_given_rules_leave_ten_jobs_waiting_for_ever_before_a_tier_without_instances() -> None:
    assert follow(Steps(), [10] * 60, wanted=0) == [0] * 60
    assert follow(Steps(wakes_from_zero=True), [1] * 2, wanted=0) == [1, 1]


def test_a_backlog_above_its_target_for_three_minutes_is_answered_in_proportion() -> None:
    assert follow(BacklogTarget(3), [30] * 4, wanted=2) == [2, 2, 10, 10]


def test_a_backlog_below_its_target_shrinks_the_fleet_by_a_tenth_each_quarter_of_an_hour() -> None:
    assert follow(BacklogTarget(3), [0] * 30, wanted=40) == [40] * 14 + [36] * 15 + [33]


def test_the_load_is_followed_at_once_and_left_after_fifteen_minutes() -> None:
    rule = LoadTarget(gpus_per_instance=1, seconds_of_a_job=10)

    assert follow(rule, [0], wanted=4, busy=6) == [8]
    assert follow(rule, [12], wanted=8, busy=6) == [10]
    assert follow(rule, [0] * 15, wanted=10, busy=3) == [10] * 14 + [4]


def test_a_fleet_keeps_within_its_bounds() -> None:
    assert [Bounds(1, 10).clamp(wanted) for wanted in (-3, 0, 5, 13)] == [1, 1, 5, 10]


@pytest.mark.parametrize("rule", ["steps", "backlog", "load"])
def test_a_simulated_day_keeps_within_its_bounds(rule: str) -> None:
    day = simulate(Scenario(10_000, GpuTier.BASIC, rule, 10), seed=3)

    assert {sample.serving for sample in day.samples} <= set(range(11))
    assert day.samples[-1].serving <= 10
    assert day.left > 0


def test_the_dedicated_tier_is_empty_and_free_while_nobody_asks() -> None:
    day = simulate(Scenario(100, GpuTier.DEDICATED, "steps, woken", 10), seed=1)

    assert min(sample.paid for sample in day.samples) == 0
    assert 0 < day.dollars_an_hour < 32.77


def test_the_dedicated_tier_woken_by_one_job_serves_it_after_a_cold_start() -> None:
    given = simulate(Scenario(100, GpuTier.DEDICATED, "steps", 10), seed=1)
    woken = simulate(Scenario(100, GpuTier.DEDICATED, "steps, woken", 10), seed=1)

    assert given.wait_p95 > 3600
    assert woken.wait_p95 < 1200


def test_every_daily_user_is_on_a_plan() -> None:
    assert sum(USERS_OF_1000.values()) == 1000


def test_a_hundred_times_the_users_offer_a_hundred_times_the_load() -> None:
    few = offered_load(habits_of(tier=GpuTier.BASIC, daily_users=100))
    many = offered_load(habits_of(tier=GpuTier.BASIC, daily_users=10_000))

    assert many == pytest.approx(100 * few)


def test_requests_come_in_order_as_often_as_the_habits_say_and_mostly_in_the_evening() -> None:
    habits = habits_of(tier=GpuTier.BASIC, daily_users=10_000)
    moments = [request.at for request in Demand(habits, seed=1, bursts=0).requests(DAY)]

    assert moments == sorted(moments)
    expected = sum(habit.requests_a_day for habit in habits)
    assert len(moments) == pytest.approx(expected, rel=0.02)
    evening = sum(19 * 3600 <= at < 21 * 3600 for at in moments)
    morning = sum(7 * 3600 <= at < 9 * 3600 for at in moments)
    assert evening / morning == pytest.approx(4, rel=0.1)
