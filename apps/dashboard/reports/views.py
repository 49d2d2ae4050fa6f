"""The pages of reports in the admin, which asks first whether it is staff that asks."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apps.dashboard.admin_site import MAY_SEE_REPORTS
from apps.dashboard.reports.charts import Chart, bar_chart
from apps.dashboard.reports.quotes import DAYS, JUDGED_AT_MOST, JUDGED_FROM, fairness_of_quotes
from apps.dashboard.reports.revenue import Revenue, revenue_of

SPANS = (3, 6, 12, 24)
USUAL_SPAN = 12


@require_safe
@permission_required(MAY_SEE_REPORTS, raise_exception=True)
def revenue(request: HttpRequest) -> HttpResponse:
    """Show what comes in and what it costs."""
    asked = request.GET.get("months", "")
    span = int(asked) if asked in map(str, SPANS) else USUAL_SPAN
    found = revenue_of(months=span)
    context = {
        "title": _("Revenue"),
        "revenue": found,
        "span": span,
        "spans": SPANS,
        "charts": _charts(found),
    }
    return render(request, "admin/reports/revenue.html", context | _site(request))


@require_safe
@permission_required(MAY_SEE_REPORTS, raise_exception=True)
def quotes(request: HttpRequest) -> HttpResponse:
    """Show how far quotes are above charges."""
    kinds = fairness_of_quotes()
    context = {
        "title": _("Quotes"),
        "kinds": kinds,
        "unfair": sum(not kind.is_fair for kind in kinds),
        "days": DAYS,
        "judged_from": JUDGED_FROM,
        "judged_at_most": JUDGED_AT_MOST,
    }
    return render(request, "admin/reports/quotes.html", context | _site(request))


def _charts(found: Revenue) -> dict[str, Chart]:
    return {
        "plans": bar_chart(
            title=_("Monthly recurring revenue by plan, $"),
            series=[_("revenue a month")],
            groups=[
                (line.plan.title(), [float(line.dollars_a_month)])
                for line in found.plans
                if line.plan not in ("trial", "tester")
            ],
            unit="$",
        ),
        "credits": bar_chart(
            title=_("Credits by month"),
            series=[_("sold"), _("given free"), _("used"), _("expired")],
            groups=[
                (
                    date_format(line.begins, _("M y")),
                    [line.sold, line.free, line.used, line.expired],
                )
                for line in found.months
            ],
        ),
        "tiers": bar_chart(
            title=_("Income and GPU cost by tier, $"),
            series=[_("income"), _("GPU cost")],
            groups=[
                (str(line.tier.label), [float(line.income), float(line.cost)])
                for line in found.tiers
            ],
            unit="$",
        ),
    }


def _site(request: HttpRequest) -> dict[str, Any]:
    return dict(admin.site.each_context(request))
