"""Numbers of reports, the same in every language."""

from datetime import datetime
from decimal import Decimal

from django import template
from django.utils.formats import date_format
from django.utils.translation import gettext

from apps.dashboard.reports.words import in_words
from apps.plans.tiers import GpuTier

register = template.Library()


@register.filter
def amount(value: int | Decimal) -> str:
    """Write a number without decimals, in groups of three."""
    return f"{value:,.0f}"


@register.filter
def dollars(value: Decimal) -> str:
    """Write dollars and cents."""
    return f"−${-value:,.2f}" if value < 0 else f"${value:,.2f}"


@register.filter
def tier_label(value: str) -> str:
    """Write the name of a tier; of one that is gone, what the record says."""
    return str(GpuTier(value).label) if value in GpuTier else value


@register.filter
def signed(value: int) -> str:
    """Write a movement with its sign, and none as a dash."""
    return f"{value:+,d}".replace("-", "−") if value else "–"


@register.filter
def span(seconds: float) -> str:
    return in_words(seconds)


@register.filter
def moment(value: datetime) -> str:
    """Write day and time to the second, in the order of the reader's language; UTC."""
    return date_format(value, gettext("j M Y H:i:s"))


@register.filter
def month(value: datetime) -> str:
    """Write a month in the order of the reader's language."""
    return date_format(value, gettext("F Y"))


@register.filter
def day(value: datetime) -> str:
    """Write a day in the order of the reader's language; UTC."""
    return date_format(value, gettext("j M Y"))
