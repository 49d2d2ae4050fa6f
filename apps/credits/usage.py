"""What was used in a span of days: credits, seconds, jobs and pictures, by what one asks for.

Days are those of UTC, everywhere; work counts on the day it ended. Only work that ended with a
charge is in it: failed jobs cost nothing, and refunds are told by the receipt.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from django.db import models
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import TruncDate
from django.utils.translation import gettext_lazy as _

from apps.credits.models import ActionType, UsageRecord

MOST_DAYS = 366
USUAL_DAYS = 30
# The batch of a training is what it learns from at once.
MAKES_PICTURES = ~Q(action_type=ActionType.TRAINING)


class Grouping(models.TextChoices):
    """What usage can be told by."""

    DAY = "day", _("day")
    MODEL = "model", _("model")
    KEY = "key", _("key")


_COLUMNS: dict[Grouping, Any] = {
    Grouping.DAY: TruncDate("created_at", tzinfo=UTC),
    Grouping.MODEL: F("model_used"),
    Grouping.KEY: F("api_key_id"),
}


@dataclass(frozen=True, slots=True)
class Span:
    """The days from `first` to `last`, both included."""

    first: date
    last: date

    @classmethod
    def of_month(cls, year: int, month: int) -> Self:
        following = date(year + month // 12, month % 12 + 1, 1)
        return cls(date(year, month, 1), following - timedelta(days=1))

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    @property
    def begin(self) -> datetime:
        """Return the first moment of the span."""
        return datetime.combine(self.first, datetime.min.time(), tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """Return the first moment after the span."""
        return self.begin + timedelta(days=len(self.days))


@dataclass(frozen=True, slots=True)
class Used:
    """What was used: credits charged, GPU seconds measured, jobs, pictures."""

    credits: int = 0
    seconds: Decimal = Decimal(0)
    jobs: int = 0
    pictures: int = 0

    def __add__(self, other: "Used") -> "Used":
        return Used(
            credits=self.credits + other.credits,
            seconds=self.seconds + other.seconds,
            jobs=self.jobs + other.jobs,
            pictures=self.pictures + other.pictures,
        )


@dataclass(frozen=True, slots=True)
class UsageCell:
    """What was used by one combination of what was asked for; the rest is `None`.

    A `key` of `None` is also the work that no key asked for.
    """

    used: Used
    day: date | None = None
    model: str | None = None
    key: uuid.UUID | None = None


def usage_cells(*, user_id: uuid.UUID, span: Span, by: Sequence[Grouping]) -> list[UsageCell]:
    """Return what was used in `span` for each combination of `by` that there is; one query."""
    rows = (
        UsageRecord.objects.filter(
            user=user_id, created_at__gte=span.begin, created_at__lt=span.end
        )
        .annotate(**{str(grouping.value): _COLUMNS[grouping] for grouping in by})
        .order_by()
        .values(*(grouping.value for grouping in by))
        .annotate(
            credits=Sum("credits_consumed"),
            # Of pictures that others make there are none of a GPU.
            seconds=Sum(
                "compute_seconds",
                filter=~Q(action_type=ActionType.PROVIDED),
                default=Decimal(0),
            ),
            jobs=Count("id"),
            pictures=Sum("batch_size", filter=MAKES_PICTURES, default=0),
        )
    )
    return [
        UsageCell(
            used=Used(row["credits"], row["seconds"], row["jobs"], row["pictures"]),
            day=row.get("day"),
            model=row.get("model"),
            key=row.get("key"),
        )
        for row in rows
    ]


def total_of(cells: Iterable[UsageCell]) -> Used:
    return sum((cell.used for cell in cells), Used())


def largest_first(cells: Iterable[UsageCell]) -> list[UsageCell]:
    return sorted(cells, key=lambda cell: (-cell.used.credits, cell.model or "", str(cell.key)))


def merged(cells: Iterable[UsageCell], *, by: Grouping) -> list[UsageCell]:
    """Add up `cells` to one for each value of `by`."""
    sums: dict[Any, Used] = {}
    for cell in cells:
        value = getattr(cell, by.value)
        sums[value] = sums.get(value, Used()) + cell.used
    return [UsageCell(used=used, **{by.value: value}) for value, used in sums.items()]
