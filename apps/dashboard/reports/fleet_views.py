"""Pages of what runs: the fleet of workers, and the proof of the books."""

from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.core.errors import NotFound
from apps.dashboard.reports.asking import ask_why, staff_with
from apps.dashboard.reports.services import set_drained
from apps.generation.fleet import list_workers, measure_tiers
from apps.generation.models import Worker
from apps.generation.services.audit import audit_credits, last_audit
from apps.generation.services.operations import require_target

MAY_SEE_FLEET = "generation.view_worker"
MAY_DRAIN = "generation.change_worker"
MAY_SEE_BOOKS = "credits.view_posting"


def fleet(request: HttpRequest) -> HttpResponse:
    """Show tiers and workers."""
    staff = staff_with(request, MAY_SEE_FLEET)
    context = {
        "title": _("Fleet"),
        "tiers": measure_tiers(),
        "workers": list_workers(),
        "may_drain": staff.has_perm(MAY_DRAIN),
        "may_see_jobs": staff.has_perm("generation.view_job"),
    }
    return render(request, "admin/reports/fleet.html", admin.site.each_context(request) | context)


def drain(request: HttpRequest, target: str) -> HttpResponse:
    """Ask why, and have a tier or a worker claim nothing more."""
    return _change(request, target, drained=True)


def undrain(request: HttpRequest, target: str) -> HttpResponse:
    """Ask why, and have a tier or a worker claim again."""
    return _change(request, target, drained=False)


def books(request: HttpRequest) -> HttpResponse:
    """Say when the books were proved last, and prove them now if asked."""
    staff_with(request, MAY_SEE_BOOKS)
    context: dict[str, Any] = {"title": _("Credits audit"), "drifts": None, "last": last_audit()}
    if request.method == "POST":
        drifts = audit_credits()
        if not drifts:
            messages.success(request, _("The books are proved: every rule holds."))
            return redirect("admin:books")
        broken = ngettext("%(count)d rule is broken.", "%(count)d rules are broken.", len(drifts))
        messages.error(request, broken % {"count": len(drifts)})
        context |= {"drifts": drifts, "last": last_audit()}
    return render(request, "admin/reports/books.html", admin.site.each_context(request) | context)


def _change(request: HttpRequest, target: str, *, drained: bool) -> HttpResponse:
    staff = staff_with(request, MAY_DRAIN)

    try:
        require_target(target=target)
    except NotFound as error:
        raise Http404 from error

    def change(reason: str) -> None:
        set_drained(target=target, actor=staff, drained=drained, reason=reason)

    return ask_why(
        request,
        of=Worker,
        title=(_("Drain %(target)s") if drained else _("Let %(target)s claim again"))
        % {"target": target},
        submit=_("Drain") if drained else _("Resume"),
        says=_("What runs is finished, and nothing more is claimed.")
        if drained
        else _("Jobs are claimed again from now on."),
        act=change,
        done=_("It takes no more jobs.") if drained else _("It takes jobs again."),
        back=reverse("admin:fleet"),
        is_grave=drained,
    )
