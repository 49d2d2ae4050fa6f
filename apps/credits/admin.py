import uuid
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.accounts.requests import signed_in_user
from apps.core.admin import ReadOnlyAdmin
from apps.core.errors import NotFound
from apps.core.staff_forms import show_form
from apps.credits.models import Grant, Hold, Posting, UsageRecord
from apps.credits.services.grants import give_credits, refund_job
from apps.credits.staff_forms import GiveForm, RefundForm
from apps.credits.staff_selectors import (
    get_charge,
    list_all_grants,
    list_all_holds,
    list_all_postings,
)

# Refunds are credits given too, so one permission lets staff do both.
MAY_GIVE = "credits.add_grant"


@admin.register(UsageRecord)
class UsageRecordAdmin(ReadOnlyAdmin[UsageRecord]):
    list_display = (
        "created_at",
        "user",
        "action_type",
        "model_used",
        "gpu_tier",
        "compute_seconds",
        "credits_quoted",
        "credits_consumed",
    )
    list_select_related = ("user",)
    list_filter = ("action_type", "gpu_tier", "created_at")
    search_fields = ("user__email", "=job_id")


@admin.register(Grant)
class GrantAdmin(ReadOnlyAdmin[Grant]):
    """Credits that were given; more are given by a form."""

    list_display = (
        *("created_at", "user", "source", "total", "available", "held", "spent", "ended"),
        *("valid_until", "paid_cents", "given_by"),
    )
    list_filter = ("source", "plan", "created_at", "valid_until")
    search_fields = ("user__email", "=id", "=idempotency_key")
    ordering = ("-created_at", "-id")
    fields = (
        *("user", "source", "plan", "total", "available", "held", "spent", "ended"),
        *("valid_from", "valid_until", "paid_cents", "reason", "given_by", "idempotency_key"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Grant]:
        del request
        return list_all_grants()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return signed_in_user(request).has_perm(MAY_GIVE)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Ask whom to give credits and why, and give them."""
        del form_url, extra_context
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = GiveForm(initial={"user": request.GET.get("user")})
        if request.method == "POST":
            form = GiveForm(request.POST)
            actor = signed_in_user(request)
            grant = form.carry_out(lambda: give_credits(actor=actor, **_facts(form)))
            if grant is not None:
                messages.success(request, gettext("The credits were given."))
                return redirect("admin:credits_grant_change", grant.id)
        title, submit = _("Give credits"), _("Give")
        return show_form(self, request, form, title=title, submit=submit)

    @admin.display(description=_("available"))
    def available(self, grant: Any) -> int:
        return int(grant.available)

    @admin.display(description=_("held"))
    def held(self, grant: Any) -> int:
        return int(grant.held)

    @admin.display(description=_("spent"))
    def spent(self, grant: Any) -> int:
        return int(grant.spent)

    @admin.display(description=_("ended"))
    def ended(self, grant: Any) -> int:
        return int(grant.ended)

    @admin.display(description=_("given by"))
    def given_by(self, grant: Any) -> str:
        return str(grant.granted_by_email or grant.granted_by or "")


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin[Hold]):
    """What jobs reserved and were charged; some of it is given back by a form."""

    list_display = ("created_at", "user", "job_id", "amount", "charged", "refunded")
    list_filter = ("created_at",)
    search_fields = ("user__email", "=id", "=job_id")
    ordering = ("-created_at", "-id")
    fields = ("user", "job_id", "api_key_id", "amount", "charged", "refunded", "created_at")
    change_form_template = "admin/credits/hold/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Hold]:
        del request
        return list_all_holds()

    def get_urls(self) -> list[Any]:
        refund = self.admin_site.admin_view(self.refund)
        name = "credits_refund"
        return [path("job/<uuid:job_id>/refund/", refund, name=name), *super().get_urls()]

    def refund(self, request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
        """Show what a job was charged, and give some of it back."""
        if not signed_in_user(request).has_perm(MAY_GIVE):
            raise PermissionDenied
        try:
            charge = get_charge(job_id=job_id)
        except NotFound as error:
            raise Http404 from error
        form = RefundForm(initial={"amount": charge.refundable or None})
        if request.method == "POST":
            form = RefundForm(request.POST)
            if form.carry_out(
                lambda: refund_job(
                    user_id=charge.hold.user_id,
                    job_id=job_id,
                    actor=signed_in_user(request),
                    **_facts(form),
                )
            ):
                messages.success(request, gettext("The credits were given back."))
                return redirect("admin:credits_hold_change", charge.hold.id)
        return show_form(
            self,
            request,
            form,
            title=_("Give back credits of a job"),
            submit=_("Give back"),
            template="admin/credits/hold/refund.html",
            original=charge.hold,
            charge=charge,
        )

    @admin.display(description=_("charged"))
    def charged(self, hold: Any) -> Any:
        return _("not yet") if hold.charged is None else hold.charged

    @admin.display(description=_("given back"))
    def refunded(self, hold: Any) -> int:
        return hold.refunded or 0


@admin.register(Posting)
class PostingAdmin(ReadOnlyAdmin[Posting]):
    """Every movement of credits."""

    list_display = (
        *("created_at", "user", "kind", "available", "held", "spent", "closed"),
        *("grant", "hold", "reason", "actor"),
    )
    list_filter = ("kind", "created_at")
    search_fields = ("user__email", "=grant__id", "=hold__job_id")
    ordering = ("-created_at", "-id")
    fields = (
        *("user", "kind", "grant", "hold", "available", "held", "spent", "closed"),
        *("usable_until", "reason", "actor", "created_at"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Posting]:
        del request
        return list_all_postings()

    @admin.display(description=_("by"))
    def actor(self, posting: Any) -> str:
        return str(posting.actor_email or posting.actor_id or "")


def _facts(form: GiveForm | RefundForm) -> dict[str, Any]:
    return {**form.cleaned_data, "key": str(form.cleaned_data["key"])}
