"""Amounts and periods: cents, seconds, months that start on a given day."""

import calendar
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.stripe_stand_in.shapes import Json


def share(amount: int, part: int, whole: int) -> int:
    """Return `amount` × `part` / `whole` in whole cents, halves away from zero."""
    doubled = 2 * abs(amount) * part + whole
    cents = doubled // (2 * whole)
    return cents if amount >= 0 else -cents


def said(amount: int, currency: str) -> str:
    """Say an amount as a page does, `$25.00`."""
    sign = "-" if amount < 0 else ""
    if currency == "krw":
        return f"{sign}₩{abs(amount):,}"
    symbol = {"usd": "$", "eur": "€"}.get(currency, f"{currency.upper()} ")
    return f"{sign}{symbol}{abs(amount) / 100:,.2f}"


def day(moment: int) -> str:
    found = datetime.fromtimestamp(moment, UTC)
    return f"{found.day} {found:%b %Y}"


def later(anchor: int, recurring: dict[str, Any], times: int = 1) -> int:
    """Return the moment some intervals after an anchor, on its day or the month's last."""
    start = datetime.fromtimestamp(anchor, UTC)
    count = recurring.get("interval_count", 1) * times
    if recurring["interval"] in ("day", "week"):
        days = count * (7 if recurring["interval"] == "week" else 1)
        return int((start + timedelta(days=days)).timestamp())
    months = count * (12 if recurring["interval"] == "year" else 1)
    years, month = divmod(start.month - 1 + months, 12)
    year = start.year + years
    last = calendar.monthrange(year, month + 1)[1]
    moved = start.replace(year=year, month=month + 1, day=min(start.day, last))
    return int(moved.timestamp())


def period_end(anchor: int, start: int, recurring: dict[str, Any]) -> int:
    """Return the first boundary after `start`, counted from the anchor of the billing cycle."""
    times = 1
    while later(anchor, recurring, times) <= start:
        times += 1
    return later(anchor, recurring, times)


def total_of(item: Json) -> int:
    """Return what an item of a subscription costs a period."""
    return int(item["price"]["unit_amount"]) * int(item["quantity"])
