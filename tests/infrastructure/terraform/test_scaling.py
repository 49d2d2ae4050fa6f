"""Metric math is worked out as CloudWatch does, and a tier that is in want keeps its instances."""

from itertools import pairwise
from typing import Any

import pytest

from config.infrastructure.deployment import Terraform
from tests.infrastructure.terraform.rules.metric_math import evaluate
from tests.infrastructure.terraform.rules.simulation import Tier, tier_of


@pytest.mark.parametrize(
    ("expression", "metrics", "wanted"),
    [
        ("FILL(a, 0) + 1", {"a": None}, 1),
        ("FILL(a, 0) + 1", {"a": 2}, 3),
        ("a + 1", {"a": None}, None),
        ("IF(a > 1 OR b < 1, 5, 100 * b / 4)", {"a": 2, "b": 1}, 5),
        ("IF(a > 1 OR b < 1, 5, 100 * b / 4)", {"a": 1, "b": 1}, 25),
        ("IF(a > 1 AND b < 1, 5, IF(b >= 1, 7, 9))", {"a": 2, "b": 1}, 7),
        ("IF(a > 1, 5, 6)", {"a": None}, None),
    ],
)
def test_metric_math(expression: str, metrics: dict[str, Any], wanted: float | None) -> None:
    assert evaluate(expression, metrics) == wanted


def test_unknown_functions_are_refused() -> None:
    with pytest.raises(ValueError, match="RATE"):
        evaluate("RATE(a)", {"a": 1})


def production(terraform: Terraform, label: str) -> Tier:
    group = f"easel-production-gpu-{label}"
    return tier_of(terraform.environments["production"], group, start_minutes=7)


def test_one_job_wakes_an_instance_that_lives_until_ten_idle_minutes_are_over(
    terraform: Terraform,
) -> None:
    tier = production(terraform, "dedicated")
    tier.run(30)
    tier.waiting = 1
    tier.run(40, job_minutes=5)

    # Ordered in the first minute, 7 to start, 5 at work, 10 idle.
    assert tier.capacities == [0] * 30 + [1] * (7 + 5 + 10) + [0] * (40 - 22)


def test_many_jobs_get_more_instances_of_which_the_last_ones_go_one_by_one(
    terraform: Terraform,
) -> None:
    tier = production(terraform, "dedicated")
    tier.run(30)
    tier.waiting = 60
    tier.run(20)
    assert len(tier.instances) >= 4
    while tier.waiting or tier.busy:
        tier.run(1)
    idle_since = tier.minute
    while tier.instances:
        tier.run(1)
        assert tier.minute < idle_since + 12 * 10
    assert tier.taken_from_work == 0
    assert all(later - now >= -1 for now, later in pairwise(tier.capacities))
