"""What work costs before it is done: seconds from shape, and a fair quote from seconds measured.

One credit is one GPU second, begun seconds count whole.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import models

# The work of one picture of 1024 × 1024 pixels in 20 steps is 1; so it scales (DESIGN, 1).
_PIXELS = 1024 * 1024
_STEPS = 20
_EXPONENT = 0.7
# Fewer measured jobs say too little.
ENOUGH = 5
# A quote is a little above the usual job, so that most jobs pay for themselves …
MARGIN = 1.15
# … and never far above the charge of the usual one, nor of the cheap ones.
MOST_OVER_MEDIAN = 1.25
MOST_OVER_CHEAP = 2.0


class Basis(models.TextChoices):
    """What a quote is founded on."""

    MEASURED = "measured"
    SCALED = "scaled"
    PLANNED = "planned"
    PRICE = "price"


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides how long a model computes: pixels, denoising steps run, pictures at once."""

    width: int
    height: int
    steps: int
    batch_size: int


@dataclass(frozen=True, slots=True)
class Quote:
    """The most that a job will be charged, and the seconds that it is expected to take."""

    credits: int
    seconds: float
    basis: Basis


def work(shape: Shape) -> float:
    """Return the work of a shape, in pictures of 1024 × 1024 pixels and 20 steps."""
    pixels = (shape.width * shape.height / _PIXELS) ** _EXPONENT
    batch: float = shape.batch_size**_EXPONENT
    return float(pixels * batch * shape.steps / _STEPS)


def measured_as(action: str, model: str) -> str:
    """Return under which name the seconds that a model takes for an action are kept.

    A training and a generation with one model have nothing in common.
    """
    return model if action == "generation" else f"{action}/{model}"


def charge_of(seconds: float) -> int:
    """Return the credits that measured seconds are charged."""
    return math.ceil(seconds)


def quote_planned(*, shape: Shape, planned_seconds: float) -> Quote:
    """Quote by the planning figure of a model family: its seconds for work 1."""
    return _quote(planned_seconds * work(shape), Basis.PLANNED)


def quote_scaled(*, shape: Shape, seconds_a_work: Sequence[float]) -> Quote:
    """Quote by what the model took lately for other shapes, in seconds for work 1."""
    return _quote(statistics.median(seconds_a_work) * work(shape), Basis.SCALED)


def quote_measured(seconds: Sequence[float]) -> Quote:
    """Quote by what jobs of the very kind took lately.

    The median of quote over charge stays at most `MOST_OVER_MEDIAN`, also where rounding up to
    whole credits is most of the price, and the quote within twice the charge of cheap jobs. A
    machine that slows down is noticed within half of the jobs looked at.
    """
    usual = statistics.median(seconds)
    charges = sorted(charge_of(each) for each in seconds)
    fair = min(
        MOST_OVER_MEDIAN * statistics.median_low(charges),
        MOST_OVER_CHEAP * charges[len(charges) // 20],
    )
    credits = max(min(charge_of(MARGIN * usual), math.floor(fair)), 1)
    return Quote(credits=credits, seconds=usual, basis=Basis.MEASURED)


def quote_multiple(quote: Quote, *, factor: float) -> Quote:
    """Quote what takes `factor` times as long as what `quote` is for, and was never measured."""
    basis = Basis.PLANNED if quote.basis == Basis.PLANNED else Basis.SCALED
    return _quote(quote.seconds * factor, basis)


def _quote(seconds: float, basis: Basis) -> Quote:
    return Quote(credits=max(charge_of(MARGIN * seconds), 1), seconds=seconds, basis=basis)
