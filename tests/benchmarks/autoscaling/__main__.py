"""Simulate the days and tell: `python -m tests.benchmarks.autoscaling [--quick] [--images DIR]`.

Prints tables in Markdown, as docs/autoscaling.md has them. Quick leaves a million users out.
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from apps.plans.tiers import GpuTier
from tests.benchmarks.autoscaling.plots import draw_day, draw_waits
from tests.benchmarks.autoscaling.study import (
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


def main() -> int:
    parser = argparse.ArgumentParser(prog="autoscaling")
    parser.add_argument("--quick", action="store_true", help="without a million users")
    parser.add_argument("--images", type=Path, help="write the plots into this folder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    days = scenarios(quick=options.quick)
    with ProcessPoolExecutor(options.processes) as processes:
        run = partial(_simulate, seed=options.seed)
        found = list(processes.map(run, [*days, *_sweep()]))
    outcomes, swept = found[: len(days)], found[len(days) :]
    _print_table(outcomes)
    print()
    _print_table(swept)
    print(f"\n{sum(each.seconds for each in found):.0f} s of one core")
    if options.images:
        _draw(outcomes, options.images)
    return 0


def _sweep() -> list[Scenario]:
    """List days of 10,000 users with maxima between the given one and none."""
    return [
        Scenario(10_000, tier, "steps", maximum)
        for tier in (GpuTier.BASIC, GpuTier.HIGH_PERFORMANCE)
        for maximum in MAXIMA
    ]


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
    for users, name in ((10_000, "10-thousand"), (1_000_000, "million")):
        for maximum, suffix in ((GIVEN, "max-10"), (UNLIMITED, "no-max")):
            found = [
                each
                for each in outcomes
                if (each.scenario.daily_users, each.scenario.tier, each.scenario.maximum)
                == (users, GpuTier.BASIC, maximum)
            ]
            if found:
                limit = f"at most {GIVEN} instances" if maximum == GIVEN else "no maximum"
                draw_day(
                    found,
                    title=f"The basic tier at {users:,} daily users, {limit}",
                    path=folder / f"autoscaling-{name}-{suffix}.svg",
                )


if __name__ == "__main__":
    sys.exit(main())
