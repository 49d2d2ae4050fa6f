"""Draw days as SVG, on paper of their own: they are read on light and on dark pages."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from apps.plans.tiers import TIERS
from config.infrastructure.autoscaling.study import GIVEN, RULES, Outcome

COLOURS = {"steps": "#b4531f", "steps, woken": "#d99a2b", "backlog": "#2f6db3", "load": "#2e8540"}
PAPER, INK = "#fbfaf7", "#33312e"
# A point of a line is the mean of so many minutes.
MINUTES = 10


def draw_day(outcomes: Sequence[Outcome], *, title: str, path: Path) -> None:
    """Draw how many GPUs serve and are at work under each rule, and how many jobs wait."""
    _choose_style()
    _figure, (above, below) = plt.subplots(2, 1, figsize=(8, 5.4), sharex=True)
    gpus = _gpus(outcomes[0])
    for outcome in outcomes:
        colour = COLOURS[outcome.scenario.rule]
        hours = _means([sample.at / 3600 for sample in outcome.samples])
        serving = _means([sample.serving * gpus for sample in outcome.samples])
        waiting = _means([sample.waiting for sample in outcome.samples])
        above.plot(hours, serving, color=colour, label=outcome.scenario.rule)
        below.plot(hours, waiting, color=colour)
    calmest = min(outcomes, key=lambda each: each.wait_p95)
    hours = _means([sample.at / 3600 for sample in calmest.samples])
    busy = _means([sample.busy for sample in calmest.samples])
    above.fill_between(hours, busy, color=INK, alpha=0.15, linewidth=0, label="at work (calmest)")
    above.set_title(title, loc="left")
    above.set_ylabel("GPUs that serve")
    above.legend(frameon=False, ncols=5, loc="upper left", fontsize=8)
    above.set_ylim(0, above.get_ylim()[1] * 1.15)
    below.set_yscale("symlog", linthresh=10)
    below.set_ylim(bottom=0)
    below.set_ylabel("jobs due and waiting")
    below.set_xlabel("hour of the day")
    below.set_xticks(range(0, 25, 4))
    _save(path)


def draw_waits(outcomes: Sequence[Outcome], *, path: Path) -> None:
    """Draw the 95th percentile of the wait and the dollars an hour of each day, by tier."""
    _choose_style()
    tiers = list(TIERS)
    figure, rows = plt.subplots(2, len(tiers), figsize=(9, 5.4), squeeze=False)
    for column, tier in enumerate(tiers):
        of_tier = [each for each in outcomes if each.scenario.tier == tier]
        _bars(rows[0][column], of_tier, [max(each.wait_p95, 1) for each in of_tier])
        _bars(rows[1][column], of_tier, [each.dollars_an_hour for each in of_tier])
        rows[0][column].set_title(tier.value.replace("_", " "), loc="left")
    rows[0][0].set_ylabel("wait, p95 (s)")
    rows[1][0].set_ylabel("$ an hour")
    patches = [Patch(color=COLOURS[rule], label=rule) for rule in RULES]
    figure.legend(handles=patches, frameon=False, ncols=len(patches), loc="lower center")
    _save(path, below=0.06)


def _bars(axes: Axes, outcomes: Sequence[Outcome], values: Sequence[float]) -> None:
    groups = list(dict.fromkeys(_group(each) for each in outcomes))
    rules = list(dict.fromkeys(each.scenario.rule for each in outcomes))
    width = 0.8 / len(rules)
    for place, rule in enumerate(rules):
        found = [
            (groups.index(_group(each)) + (place - (len(rules) - 1) / 2) * width, value)
            for each, value in zip(outcomes, values, strict=True)
            if each.scenario.rule == rule
        ]
        where, heights = zip(*found, strict=True)
        axes.bar(where, heights, width, color=COLOURS[rule])
    axes.set_yscale("log")
    axes.set_xticks(range(len(groups)), groups, fontsize=7)


def _group(outcome: Outcome) -> str:
    users = {100: "100", 10_000: "10k", 1_000_000: "1M"}[outcome.scenario.daily_users]
    return f"{users}\n{'max 10' if outcome.scenario.maximum == GIVEN else 'no max'}"


def _gpus(outcome: Outcome) -> int:
    return TIERS[outcome.scenario.tier].gpus_per_instance


def _means(values: Sequence[float]) -> list[float]:
    starts = range(0, len(values) - MINUTES + 1, MINUTES)
    return [fmean(values[start : start + MINUTES]) for start in starts]


def _choose_style() -> None:
    mpl.use("svg")
    mpl.rcParams.update(
        {
            "svg.hashsalt": "easel",
            # Text stays text: smaller files, and it can be searched.
            "svg.fonttype": "none",
            "font.family": "sans-serif",
            "figure.facecolor": PAPER,
            "axes.facecolor": PAPER,
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": INK,
            "grid.alpha": 0.12,
        }
    )


def _save(path: Path, *, below: float = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    plt.tight_layout(rect=(0, below, 1, 1))
    # Without a date, so that the same days give the same file.
    plt.savefig(path, metadata={"Date": None})
    plt.close()
