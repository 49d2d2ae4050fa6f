"""Simulate days: `python -m config.infrastructure.autoscaling [--quick] [--images DIR]`.

Prints tables in Markdown, as docs/autoscaling.md has them. Quick leaves a million users out.
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from apps.plans.tiers import GpuTier
from config.infrastructure.autoscaling.plots import draw_day, draw_waits
from config.infrastructure.autoscaling.study import (
    GIVEN,
    UNLIMITED,
    Outcome,
    Scenario,
    scenarios,
    simulate,
)

HEAD = (
    "daily users",
    "tier",
    "rule",
    "maximum",
    "jobs",
    "wait p50",
    "p95",
    "p99",
    "utilisation",
    "$ an hour",
    "$ per 1,000 jobs",
    "most instances",
    "left waiting",
)
MAXIMA = (10, 15, 20, 25, 30, 40)
# What a million users need, found by trying.
MAXIMA_OF_A_MILLION = {
    GpuTier.BASIC: (2_000, 3_000),
    GpuTier.HIGH_PERFORMANCE: (1_000, 1_500),
    GpuTier.DEDICATED: (50, 100),
}
# At a million users and ten instances there is nothing to see: all are at work all day.
DRAWN = (
    (10_000, GIVEN, "10-thousand-max-10"),
    (10_000, UNLIMITED, "10-thousand-no-max"),
    (1_000_000, UNLIMITED, "million-no-max"),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="autoscaling")
    parser.add_argument("--quick", action="store_true", help="without a million users")
    parser.add_argument("--images", type=Path, help="write the plots into this folder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    days = scenarios(quick=options.quick)
    sweep = _sweep(quick=options.quick)
    with ProcessPoolExecutor(options.processes) as processes:
        run = partial(_simulate, seed=options.seed)
        found = list(processes.map(run, [*days, *sweep]))
    outcomes, swept = found[: len(days)], found[len(days) :]
    _print_table(outcomes)
    print()
    _print_table(swept)
    print(f"\n{sum(each.seconds for each in found):.0f} s of one core")
    if options.images:
        _draw(outcomes, options.images)
    return 0


def _sweep(*, quick: bool) -> list[Scenario]:
    """List days with maxima between the given one and none."""
    days = [
        Scenario(10_000, tier, "steps", maximum)
        for tier in (GpuTier.BASIC, GpuTier.HIGH_PERFORMANCE)
        for maximum in MAXIMA
    ]
    if not quick:
        days += [
            Scenario(1_000_000, tier, "load", maximum)
            for tier, maxima in MAXIMA_OF_A_MILLION.items()
            for maximum in maxima
        ]
    return days


def _simulate(scenario: Scenario, *, seed: int) -> Outcome:
    outcome = simulate(scenario, seed=seed)
    print(f"{scenario} in {outcome.seconds:.0f} s", file=sys.stderr)
    return outcome


def _print_table(outcomes: Sequence[Outcome]) -> None:
    print("|", " | ".join(HEAD), "|")
    print("|" + "---|" * len(HEAD))
    for each in outcomes:
        scenario = each.scenario
        cells = (
            f"{scenario.daily_users:,}",
            scenario.tier.value,
            scenario.rule,
            "none" if scenario.maximum == UNLIMITED else str(scenario.maximum),
            f"{each.jobs:,}",
            *(_duration(wait) for wait in (each.wait_p50, each.wait_p95, each.wait_p99)),
            f"{each.utilisation:.0%}",
            f"{each.dollars_an_hour:,.2f}",
            f"{each.dollars_per_1000:,.2f}",
            f"{each.peak:,}",
            f"{each.left:,}",
        )
        print("|", " | ".join(cells), "|")


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3600:.1f} h"


def _draw(outcomes: Sequence[Outcome], folder: Path) -> None:
    draw_waits(outcomes, path=folder / "autoscaling-waits.svg")
    for users, maximum, name in DRAWN:
        drawn = (users, GpuTier.BASIC, maximum)
        found = [
            each
            for each in outcomes
            if (each.scenario.daily_users, each.scenario.tier, each.scenario.maximum) == drawn
        ]
        if found:
            limit = f"at most {GIVEN} instances" if maximum == GIVEN else "no maximum"
            title = f"The basic tier at {users:,} daily users, {limit}"
            draw_day(found, title=title, path=folder / f"autoscaling-{name}.svg")


if __name__ == "__main__":
    sys.exit(main())
