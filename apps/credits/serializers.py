"""The JSON of credits and usage, and what may be asked about them."""

import re
import uuid
from datetime import date, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.accounts.selectors import names_of_keys
from apps.credits.models import GrantBalance, Posting
from apps.credits.selectors import Balance
from apps.credits.usage import (
    MOST_DAYS,
    USUAL_DAYS,
    Grouping,
    Span,
    UsageCell,
    Used,
    largest_first,
    total_of,
)
from apps.plans.products import CreditSource

# What lies outside was never, and arithmetic with days ends somewhere.
YEARS = range(2000, 3000)
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


class GrantBalanceSerializer(serializers.ModelSerializer[GrantBalance]):
    """Where the credits of one grant are now."""

    id = serializers.UUIDField(source="grant_id")
    source = serializers.ChoiceField(  # type: ignore[assignment]
        source="grant.source", choices=CreditSource.choices
    )
    total = serializers.IntegerField(source="grant.total")
    begins = serializers.DateTimeField(source="usable_from")
    ends = serializers.DateTimeField(source="usable_until")

    class Meta:
        model = GrantBalance
        fields = ("id", "source", "total", "available", "held", "spent", "begins", "ends")


class CreditsSerializer(serializers.Serializer[Any]):
    """The credits that can be used now, those held for jobs, and the grants they come from."""

    available = serializers.IntegerField()
    held = serializers.IntegerField()
    grants = GrantBalanceSerializer(many=True)


class PostingSerializer(serializers.ModelSerializer[Posting]):
    """One movement of credits: what each heap of the grant gained or lost."""

    kind_text = serializers.CharField(source="get_kind_display")
    grant = serializers.UUIDField(source="grant_id")
    source = serializers.ChoiceField(  # type: ignore[assignment]
        source="grant.source", choices=CreditSource.choices
    )
    generation = serializers.UUIDField(source="hold.job_id", allow_null=True, default=None)

    class Meta:
        model = Posting
        fields = (
            "id",
            "created_at",
            "kind",
            "kind_text",
            "available",
            "held",
            "spent",
            "closed",
            "grant",
            "source",
            "generation",
            "reason",
        )


class UsageQuerySerializer(serializers.Serializer[Any]):
    """Days of UTC, both included; the last 30 unless told otherwise."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # "from" is no name that a class body could give.
        return {
            "from": serializers.DateField(required=False),
            "to": serializers.DateField(required=False),
            "by": serializers.ChoiceField(choices=Grouping.choices, default=Grouping.DAY),
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        last = attrs.get("to") or max(today(), attrs.get("from") or today())
        first = attrs.get("from")
        for name in ("from", "to"):
            if name in attrs and attrs[name].year not in YEARS:
                raise serializers.ValidationError({name: [_("There is no such day here.")]})
        first = first or last - timedelta(days=USUAL_DAYS - 1)
        if first > last:
            raise serializers.ValidationError({"from": [_("The first day is after the last.")]})
        if (last - first).days >= MOST_DAYS:
            raise serializers.ValidationError(
                {"from": [_("Ask for at most %(most)d days.") % {"most": MOST_DAYS}]}
            )
        return {"span": Span(first, last), "by": Grouping(attrs["by"])}


@extend_schema_field({"type": "string", "pattern": "^2[0-9]{3}-(0[1-9]|1[0-2])$"})
class MonthField(serializers.Field[Span, str, str, Span]):
    """A month as "2026-11", read as its days."""

    default_error_messages = {"invalid": _("Give a month as YYYY-MM.")}  # noqa: RUF012

    def to_internal_value(self, data: str) -> Span:
        span = parse_month(data)
        if span is None:
            self.fail("invalid")
        return span

    def to_representation(self, value: Span) -> str:
        return f"{value.first:%Y-%m}"


class UsedSerializer(serializers.Serializer[Used]):
    credits = serializers.IntegerField(help_text="Credits charged.")
    seconds = serializers.FloatField(help_text="GPU seconds measured.")
    jobs = serializers.IntegerField()
    pictures = serializers.IntegerField()


class UsageGroupSerializer(UsedSerializer):
    group = serializers.CharField(
        allow_null=True,
        help_text="The day, the key of the model, or the id of the API key; "
        "null for what no API key asked for.",
    )
    name = serializers.CharField(allow_null=True, help_text="The name of the API key.")


class UsageSerializer(serializers.Serializer[Any]):
    """What was used in some days of UTC: in all, and by what was asked for."""

    by = serializers.ChoiceField(choices=Grouping.choices)
    timezone = serializers.CharField()
    total = UsedSerializer()
    groups = UsageGroupSerializer(many=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {
            "from": serializers.DateField(),
            "to": serializers.DateField(),
            **super().get_fields(),
        }


def today() -> date:
    """Return the day it is, in UTC."""
    return timezone.now().date()


def parse_month(text: str) -> Span | None:
    """Return the days of a month written "2026-11"; `None` if it is none."""
    found = _MONTH.fullmatch(text) if text.isascii() else None
    if found is None or int(found[1]) not in YEARS:
        return None
    return Span.of_month(int(found[1]), int(found[2]))


def render_credits(balance: Balance, grants: list[GrantBalance]) -> dict[str, Any]:
    """Render the credits of a user as the API tells them."""
    return {
        "available": balance.available,
        "held": balance.held,
        "grants": GrantBalanceSerializer(grants, many=True).data,
    }


def render_usage(
    cells: list[UsageCell], *, user_id: uuid.UUID, span: Span, by: Grouping
) -> dict[str, Any]:
    """Render usage by one grouping: every day of the span, or the largest model or key first."""
    total = total_of(cells)
    names: dict[uuid.UUID, str] = {}
    if by == Grouping.DAY:
        known = {cell.day: cell for cell in cells}
        cells = [known.get(day, UsageCell(used=Used(), day=day)) for day in span.days]
    else:
        cells = largest_first(cells)
        names = names_of_keys(user_id=user_id, key_ids=[cell.key for cell in cells])
    groups = [
        {
            "group": _label(getattr(cell, by.value)),
            "name": names.get(cell.key) if cell.key is not None else None,
            **UsedSerializer(cell.used).data,
        }
        for cell in cells
    ]
    return {
        "from": span.first.isoformat(),
        "to": span.last.isoformat(),
        "by": by.value,
        "timezone": "UTC",
        "total": UsedSerializer(total).data,
        "groups": groups,
    }


def _label(value: date | str | uuid.UUID | None) -> str | None:
    return None if value is None else str(value)
