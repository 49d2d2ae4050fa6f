"""Numbers as people write them."""

from django import template
from django.utils.formats import number_format

register = template.Library()


@register.filter
def grouped(value: int) -> str:
    """Write a whole number with its thousands apart."""
    return number_format(value, use_l10n=True, force_grouping=True)


@register.filter
def stored(size: int) -> str:
    """Write a number of bytes in the units of plans, of which each is a thousand of the last."""
    amount, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        # What would be written as 1,000 is one of the next.
        if amount < 999.5:
            break
        amount, unit = amount / 1000, larger
    places = 1 if unit in {"GB", "TB"} and amount % 1 >= 0.05 else 0
    # It cuts off where people round.
    amount = round(amount, places)
    return f"{number_format(amount, decimal_pos=places, use_l10n=True)}\N{NO-BREAK SPACE}{unit}"


@register.filter
def dollars(cents: int) -> str:
    """Write an amount in cents as dollars."""
    return f"${number_format(cents / 100, decimal_pos=2, use_l10n=True, force_grouping=True)}"
