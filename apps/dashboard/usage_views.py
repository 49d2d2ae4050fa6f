"""The pages of usage and receipts."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.accounts.requests import signed_in_user
from apps.dashboard.usage_selectors import receipt_page, usage_page
from apps.dashboard.views import page


@page
def usage(request: HttpRequest) -> HttpResponse:
    """Show the credits there are, and what was used in a month."""
    shown = usage_page(user=signed_in_user(request), month=request.GET.get("month"))
    return render(request, "dashboard/usage.html", {"section": "usage", "page": shown})


@page
def receipt(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    """Show what one job was quoted, took and cost."""
    shown = receipt_page(user=signed_in_user(request), job_id=job_id)
    return render(request, "dashboard/receipt.html", {"section": "usage", "page": shown})
