"""The tables of docs/cost.md, between its markers."""

import math
from collections.abc import Iterator, Sequence

from apps.plans.products import DOLLARS_A_CREDIT
from apps.plans.tiers import TIERS, GpuTier
from config.infrastructure.autoscaling.population import PICTURE_SECONDS
from config.infrastructure.cost import prices
from config.infrastructure.cost.model import Estimate
from config.infrastructure.cost.options import PLANNED_DOLLARS, after_measures, options_of
from config.infrastructure.cost.population import DAILY_USERS, MODELS
from config.infrastructure.cost.savings import savings_of

BEGIN = "<!-- python -m config.infrastructure.cost writes from here -->"
END = "<!-- to here -->"
# The planning figure for a GPU second.
PLANNED_SECOND = 0.0014


class MarkersError(ValueError):
    """The page has lost the markers between which it is written."""


def between_markers(page: str, text: str) -> str:
    """Return the page with `text` between its markers.

    Raises:
        MarkersError: it has not got both of them, in this order.
    """
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise MarkersError(f"the page needs the lines {BEGIN} and {END}")
    return f"{head}{BEGIN}\n\n{text}\n{END}{tail}"


def tables(estimate: Estimate) -> str:
    """Return everything that is worked out, as Markdown."""
    parts = (_verdict, _services, _measures, _options, _pictures, _seoul)
    return "\n".join(line for part in parts for line in (*part(estimate), ""))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "|".join("---:" if word.startswith("$") else "---" for word in head) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def _money(dollars: float) -> str:
    return f"{dollars:,.2f}"


def _verdict(estimate: Estimate) -> Iterator[str]:
    after = after_measures(estimate)
    dedicated = options_of(estimate)[0]
    hours = estimate.usage[GpuTier.DEDICATED].instance_hours / prices.DAYS
    yield (
        f"**A month costs ${estimate.total:,.0f} by the list, and ${after:,.0f} after every "
        f"measure. The planning figure is ${PLANNED_DOLLARS:,.0f}.** The dedicated tier alone "
        f"costs ${dedicated.saved:,.0f}: one enterprise user among a hundred keeps a "
        f"p4d.24xlarge running for {hours:.1f} hours a day. Without that tier the month costs "
        f"${after - dedicated.saved:,.0f} after every measure."
    )


def _services(estimate: Estimate) -> Iterator[str]:
    yield "## By service"
    yield ""
    yield f"{DAILY_USERS} daily users, environment production, list prices."
    yield ""
    lines = sorted(estimate.lines, key=lambda line: -line.dollars)
    rows = [[line.service, _money(line.dollars), line.why] for line in lines]
    rows.append(["**all**", f"**{_money(estimate.total)}**", ""])
    yield from _table(("service", "$ a month", "of what"), rows)


def _measures(estimate: Estimate) -> Iterator[str]:
    yield "## What is saved"
    yield ""
    yield "In this order; each measure begins where the one before it ends."
    yield ""
    savings = savings_of(estimate)
    rows = [
        [
            saving.name,
            _money(saving.before),
            _money(saving.saved),
            _money(saving.before - saving.saved),
            saving.why,
        ]
        for saving in savings
    ]
    saved = sum(saving.saved for saving in savings)
    total = estimate.total
    sums = (f"**{_money(dollars)}**" for dollars in (total, saved, total - saved))
    rows.append(["**the month**", *sums, ""])
    yield from _table(("measure", "$ before", "$ saved", "$ after", "how"), rows)


def _options(estimate: Estimate) -> Iterator[str]:
    yield "## What would have to give"
    yield ""
    yield (
        f"Changes of the design that bring the month below ${PLANNED_DOLLARS:,.0f}, what users "
        "notice least first. None of them is made: each is a decision of whoever pays."
    )
    yield ""
    left = after_measures(estimate)
    rows = [["after the measures above", "", _money(left), ""]]
    for option in options_of(estimate):
        left -= option.saved
        mark = " ✓" if left <= PLANNED_DOLLARS else ""
        rows.append([option.name, _money(option.saved), _money(left) + mark, option.gives])
    yield from _table(("change", "$ saved", "$ left", "what it gives up"), rows)


def _pictures(estimate: Estimate) -> Iterator[str]:
    yield "## What a picture costs"
    yield ""
    yield (
        "1024×1024 in 20 steps, by the first guesses of the quotes. Dollars of GPU time if the "
        f"GPU is never idle, beside the planning figure (${PLANNED_SECOND} a second) and what is "
        f"charged (${DOLLARS_A_CREDIT} a credit)."
    )
    yield ""
    tiers = list(TIERS.values())
    head = ("model", "seconds", *(f"$ {spec.instance}" for spec in tiers), "$ planned", "$ charged")
    rows = [
        [
            model,
            f"{seconds:g}",
            *(f"{seconds * float(spec.dollars_per_gpu_second):.4f}" for spec in tiers),
            f"{seconds * PLANNED_SECOND:.4f}",
            f"{math.ceil(seconds) * float(DOLLARS_A_CREDIT):.3f}",
        ]
        for model, seconds in zip(MODELS, PICTURE_SECONDS, strict=True)
    ]
    yield from _table(head, rows)
    yield ""
    yield (
        f"With {DAILY_USERS} daily users the GPUs are idle most of the time, and what they cost "
        "is spread over few pictures:"
    )
    yield ""
    rows = [
        [
            f"{group.tier.value.replace('_', ' ')} ({group.instance})",
            f"{usage.pictures:,.0f}",
            f"{usage.gpu_seconds:,.0f}",
            f"{usage.outcome.utilisation:.0%}",
            f"{estimate.gpu_hours_dollars(group) / usage.pictures:.4f}",
            f"{estimate.gpu_hours_dollars(group) / usage.gpu_seconds:.4f}",
        ]
        for group in estimate.groups
        for usage in [estimate.usage[group.tier]]
    ]
    head = ("tier", "pictures a month", "GPU seconds", "busy", "$ a picture", "$ a GPU second")
    yield from _table(head, rows)
    yield ""
    yield (
        f"All services together: ${estimate.total / estimate.pictures:.3f} a picture "
        f"({estimate.pictures:,.0f} pictures a month)."
    )


def _seoul(estimate: Estimate) -> Iterator[str]:
    yield "## GPUs at Seoul's prices"
    yield ""
    yield (
        "The tier table, by which reports work out what GPU time costs, has the prices of "
        "us-east-1. In Seoul AWS asks for more:"
    )
    yield ""
    rows = []
    more = 0.0
    for group in estimate.groups:
        ours, theirs = group.dollars_an_hour, prices.SEOUL_GPU[group.instance]
        extra = estimate.usage[group.tier].instance_hours * (theirs - ours)
        more += extra
        rows.append([group.instance, f"{ours:.3f}", f"{theirs:.3f}", _money(extra)])
    rows.append(["**all**", "", "", f"**{_money(more)}**"])
    head = ("instance", "$ an hour (tier table)", "$ an hour (Seoul)", "$ more a month")
    yield from _table(head, rows)
