"""The pages of usage and receipts."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apps.accounts.requests import signed_in_user
from apps.core.errors import Conflict, Invalid, NotFound
from apps.dashboard.receipt_search import ReceiptSearch
from apps.dashboard.usage_selectors import receipt_page, usage_page
from apps.dashboard.views import page
from apps.generation.services.appeals import appeal_refusal


@page
def usage(request: HttpRequest) -> HttpResponse:
    """Show the credits there are, and what was used in a month."""
    shown = usage_page(
        user=signed_in_user(request),
        month=request.GET.get("month"),
        search=ReceiptSearch.asked(request.GET.dict()),
    )
    return render(request, "dashboard/usage.html", {"section": "usage", "page": shown})


@page
def receipt(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    """Show what one job was quoted, took and cost."""
    shown = receipt_page(user=signed_in_user(request), job_id=job_id)
    return render(request, "dashboard/receipt.html", {"section": "usage", "page": shown})


@require_POST
@login_required
def appeal(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    """Appeal against the refusal of a job's pictures, and lead back to its receipt."""
    user = signed_in_user(request)
    try:
        # PostgreSQL takes no NUL.
        reason = request.POST.get("reason", "").replace("\0", "")
        appeal_refusal(user=user, job_id=job_id, reason=reason)
    except NotFound as error:
        raise Http404 from error
    except Invalid as error:
        context = {
            "section": "usage",
            "page": receipt_page(user=user, job_id=job_id),
            "problem": error.fields["reason"][0],
        }
        return render(request, "dashboard/receipt.html", context, status=error.status)
    except Conflict:
        # It is there already, as the page shows; or there is nothing to appeal against.
        pass
    return redirect("dashboard:receipt", job_id=job_id)
