"""Numbers as people write them."""

from django import template
from django.utils.formats import number_format

register = template.Library()


@register.filter
def grouped(value: int) -> str:
    """Write a whole number with its thousands apart."""
    return number_format(value, use_l10n=True, force_grouping=True)


@register.filter
def dollars(cents: int) -> str:
    """Write an amount in cents as dollars."""
    return f"${number_format(cents / 100, decimal_pos=2, use_l10n=True, force_grouping=True)}"
