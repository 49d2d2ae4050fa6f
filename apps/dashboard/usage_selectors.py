"""What the pages of usage and receipts show."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.models import User
from apps.accounts.selectors import names_of_keys
from apps.catalog.selectors import names_of_models
from apps.core.errors import ErrorCode, NotFound
from apps.credits.models import GrantBalance
from apps.credits.selectors import Balance, live_balances, read_balance
from apps.credits.serializers import parse_month
from apps.credits.usage import (
    Grouping,
    Span,
    UsageCell,
    Used,
    largest_first,
    merged,
    total_of,
    usage_cells,
)
from apps.dashboard.charts import MOST_SERIES, Chart, stacked_bars
from apps.dashboard.receipt_search import ReceiptSearch, find_receipts
from apps.dashboard.shares import Share, storage_share
from apps.generation.failures import failure_detail
from apps.generation.models import ContentAppeal
from apps.generation.receipts import Receipt, get_receipt
from apps.generation.selectors import find_appeal
from apps.images.models import Image

MONTHS_OFFERED = 12


@dataclass(frozen=True, slots=True)
class NamedUse:
    """What was used by a model or a key, with the name that people know it by."""

    name: str
    used: Used


@dataclass(frozen=True, slots=True)
class DayUse:
    """The credits of a day, in the order of the series, and in all."""

    day: date
    parts: Sequence[int]
    used: Used


@dataclass(frozen=True, slots=True)
class UsageChart:
    """Credits by day, stacked by model: drawn, and as a table."""

    drawing: Chart
    series: Sequence[str]
    days: Sequence[DayUse]
    text: str


@dataclass(frozen=True, slots=True)
class UsagePage:
    """A month of a user, and the credits there are now; `search` is about the receipts alone."""

    month: date
    months: Sequence[date]
    balance: Balance
    grants: Sequence[GrantBalance]
    total: Used
    chart: UsageChart
    models: Sequence[NamedUse]
    keys: Sequence[NamedUse]
    receipts: Sequence[Receipt]
    search: ReceiptSearch
    storage: Share
    now: datetime

    @property
    def credits_left(self) -> Share:
        """Return the credits that can be used now, of all that the live grants brought."""
        whole = sum(grant.grant.total for grant in self.grants if grant.usable_from <= self.now)
        return Share(self.balance.available, whole)


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    """A receipt with the pictures that the job made, or why it failed.

    Of a job whose pictures were refused also what was said against that.
    """

    receipt: Receipt
    images: Sequence[Image]
    reason: str = ""
    is_refused: bool = False
    appeal: ContentAppeal | None = None


def usage_page(*, user: User, month: str | None, search: ReceiptSearch | None = None) -> UsagePage:
    """Return what the page of `month` ("2026-11", else this one) shows; at most eleven queries.

    Raises:
        NotFound: that is no month.
    """
    search = search or ReceiptSearch()
    this_month = timezone.now().date().replace(day=1)
    span = parse_month(month) if month else Span.of_month(this_month.year, this_month.month)
    if span is None:
        raise NotFound
    cells = usage_cells(user_id=user.id, span=span, by=[Grouping.DAY, Grouping.MODEL, Grouping.KEY])
    models = largest_first(merged(cells, by=Grouping.MODEL))
    keys = largest_first(merged(cells, by=Grouping.KEY))
    model_names = names_of_models(keys=[cell.model or "" for cell in models])
    key_names = names_of_keys(user_id=user.id, key_ids=[cell.key for cell in keys])
    return UsagePage(
        month=span.first,
        months=_months(this_month, span.first),
        balance=read_balance(user_id=user.id),
        grants=live_balances(user_id=user.id),
        total=total_of(cells),
        chart=_chart(cells, span, [cell.model or "" for cell in models], model_names),
        models=[NamedUse(_name_of(cell.model, model_names), cell.used) for cell in models],
        keys=[
            NamedUse(key_names.get(cell.key, "–") if cell.key else _("Without a key"), cell.used)
            for cell in keys
        ],
        receipts=find_receipts(user=user, month=span, search=search),
        search=search,
        storage=storage_share(user=user),
        now=timezone.now(),
    )


def receipt_page(*, user: User, job_id: uuid.UUID) -> ReceiptPage:
    """Return what the page of a receipt shows.

    Raises:
        NotFound: there is no such job, or it is somebody else's.
    """
    receipt = get_receipt(user=user, job_id=job_id)
    job = receipt.job
    is_refused = job.error_code == ErrorCode.CONTENT_REFUSED
    return ReceiptPage(
        receipt=receipt,
        images=receipt.images,
        reason=failure_detail(job.error_code) if job.error_code else "",
        is_refused=is_refused,
        appeal=find_appeal(user=user, job_id=job_id) if is_refused else None,
    )


def _months(latest: date, shown: date) -> list[date]:
    months = [latest]
    while len(months) < MONTHS_OFFERED:
        months.append((months[-1] - timedelta(days=1)).replace(day=1))
    return months if shown in months else [*months, shown]


def _chart(
    cells: Sequence[UsageCell], span: Span, models: Sequence[str], names: Mapping[str, str]
) -> UsageChart:
    others = _("Other models")
    own_series = models if len(models) <= MOST_SERIES else models[: MOST_SERIES - 1]
    series = [_name_of(model, names) for model in own_series]
    if len(own_series) < len(models):
        series.append(others)
    parts: dict[date | None, dict[str, int]] = {}
    for cell in cells:
        name = _name_of(cell.model, names) if cell.model in own_series else others
        of_day = parts.setdefault(cell.day, {})
        of_day[name] = of_day.get(name, 0) + cell.used.credits
    used = {cell.day: cell.used for cell in merged(cells, by=Grouping.DAY)}
    columns = [
        (
            str(day.day) if day.day % 7 == 1 else "",
            _title(day, parts.get(day, {}), series),
            parts.get(day, {}),
        )
        for day in span.days
    ]
    return UsageChart(
        drawing=stacked_bars(columns, series=series),
        series=series,
        days=[
            DayUse(day, [parts[day].get(name, 0) for name in series], used[day])
            for day in span.days
            if day in used
        ],
        text=_summary(used, span),
    )


def _title(day: date, parts: Mapping[str, int], series: Sequence[str]) -> str:
    told = ", ".join(f"{name} {parts[name]:,}" for name in series if parts.get(name))
    return f"{date_format(day, 'MONTH_DAY_FORMAT')}: {told}"


def _summary(used: Mapping[date | None, Used], span: Span) -> str:
    credits = sum(each.credits for each in used.values())
    month = date_format(span.first, "YEAR_MONTH_FORMAT")
    told = ngettext(
        "%(credits)s credit on %(days)d of %(all)d days of %(month)s.",
        "%(credits)s credits on %(days)d of %(all)d days of %(month)s.",
        credits,
    ) % {
        "credits": f"{credits:,}",
        "days": len(used),
        "all": len(span.days),
        "month": month,
    }
    if not credits:
        return told
    peak = max((each.credits, day) for day, each in used.items() if day is not None)
    most = _("The most was %(credits)s on %(day)s.") % {
        "credits": f"{peak[0]:,}",
        "day": date_format(peak[1], "MONTH_DAY_FORMAT"),
    }
    return f"{told} {most}"


def _name_of(model: str | None, names: Mapping[str, str]) -> str:
    return names.get(model or "", model or "–")
