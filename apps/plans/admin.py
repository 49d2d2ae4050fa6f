import uuid
from typing import Any

from django.apps import apps
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from djstripe import models as djstripe

from apps.accounts.models import User
from apps.accounts.requests import signed_in_user
from apps.core.admin import AuditedAdmin, ReadOnlyAdmin
from apps.core.staff_forms import show_form
from apps.plans.models import (
    BillingAccount,
    Notice,
    Payment,
    PaymentReversal,
    Subscription,
    SubscriptionSource,
    TesterGrant,
)
from apps.plans.selectors import (
    TesterState,
    in_state,
    list_tester_grants,
    preview_tester_plan,
    state_of,
)
from apps.plans.services.enterprise import grant_enterprise_credits
from apps.plans.services.notices import send_again
from apps.plans.services.subscriptions import announce_plan_change
from apps.plans.services.testers import grant_tester_plan, revoke_tester_plan
from apps.plans.staff_forms import CUSTOMS, RevokeForm, SubscriptionForm, TesterGrantForm

# What the payment provider says of a subscription is not for us to change.
SAID_BY_STRIPE = (
    "source",
    "stripe_subscription_id",
    "interval",
    "next_plan",
    "cancels_at",
    "past_due_since",
)


@admin.register(Subscription)
class SubscriptionAdmin(AuditedAdmin[Subscription]):
    form = SubscriptionForm
    list_display = ("user", "plan", "source", "pause_reason", "valid_from", "valid_until")
    list_select_related = ("user",)
    list_filter = ("plan", "source", "pause_reason", "valid_from", "valid_until")
    search_fields = ("user__email", "=stripe_subscription_id")
    autocomplete_fields = ("user",)
    readonly_fields = SAID_BY_STRIPE
    fieldsets = (
        (None, {"fields": ("user", "plan", "valid_from", "valid_until", "pause_reason")}),
        (
            _("An enterprise customer's own values"),
            {
                "fields": CUSTOMS,
                "description": _("Empty: without limit. Credits are given once a month."),
            },
        ),
        (_("Payment"), {"fields": SAID_BY_STRIPE}),
    )

    def get_readonly_fields(
        self, request: HttpRequest, obj: Subscription | None = None
    ) -> tuple[str, ...]:
        """Leave what is paid by card as the provider says; a pause can be set and lifted."""
        del request
        if obj is None:
            return SAID_BY_STRIPE
        if obj.source == SubscriptionSource.STRIPE:
            return (*SAID_BY_STRIPE, "user", "plan", "valid_from", "valid_until", *CUSTOMS)
        return (*SAID_BY_STRIPE, "user")

    def has_delete_permission(self, request: HttpRequest, obj: Subscription | None = None) -> bool:
        paid = obj is not None and obj.source == SubscriptionSource.STRIPE
        return not paid and super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Subscription, form: Any, change: bool) -> None:  # noqa: FBT001  (Django's signature)
        super().save_model(request, obj, form, change)
        announce_plan_change(user_id=obj.user_id)
        grant_enterprise_credits(subscription_id=obj.id)

    def delete_model(self, request: HttpRequest, obj: Subscription) -> None:
        super().delete_model(request, obj)
        announce_plan_change(user_id=obj.user_id)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> None:
        users = set(queryset.values_list("user_id", flat=True))
        super().delete_queryset(request, queryset)
        for user_id in users:
            announce_plan_change(user_id=user_id)


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        del request, model_admin
        return list(TesterState.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        del request
        state = self.value()
        return (
            in_state(queryset, TesterState(state)) if state and state in TesterState else queryset
        )


class GrantedByFilter(admin.SimpleListFilter):
    title = _("granted by")
    parameter_name = "granted_by"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        del request, model_admin
        givers = User.objects.filter(id__in=TesterGrant.objects.values("granted_by"))
        return [
            (str(pk), email) for pk, email in givers.order_by("email").values_list("id", "email")
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        del request
        chosen = dict(self.lookup_choices)
        return queryset.filter(granted_by=self.value()) if self.value() in chosen else queryset


@admin.register(TesterGrant)
class TesterGrantAdmin(ReadOnlyAdmin[TesterGrant]):
    """Grants of the tester plan: given and revoked by forms, and never changed otherwise."""

    list_display = ("user", "credits", "days", "state", "ends", "given_by", "created_at", "reason")
    list_filter = (StateFilter, "created_at", GrantedByFilter)
    search_fields = ("user__email", "=user__id")
    ordering = ("-created_at", "-id")
    change_form_template = "admin/plans/testergrant/change_form.html"
    fields = (
        *("user", "state", "credits", "days", "ends", "reason", "given_by", "created_at"),
        *("revoked_at", "revoked_by_whom", "revoke_reason"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[TesterGrant]:
        del request
        return list_tester_grants()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def get_urls(self) -> list[Any]:
        revoke = self.admin_site.admin_view(self.revoke)
        name = "plans_testergrant_revoke"
        return [path("<uuid:grant_id>/revoke/", revoke, name=name), *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Ask for a grant, show what it would change, and grant it."""
        del form_url, extra_context
        if not self.has_add_permission(request):
            raise PermissionDenied
        sent = request.POST if request.method == "POST" else request.GET
        form = TesterGrantForm(initial={name: sent[name] for name in sent if name != "key"})
        if request.method == "POST" and "_preview" not in request.POST:
            form = TesterGrantForm(request.POST)
            grant = form.carry_out(
                lambda: grant_tester_plan(actor=signed_in_user(request), **form.facts())
            )
            if grant is not None:
                messages.success(request, gettext("The tester plan was granted."))
                return redirect("admin:plans_testergrant_change", grant.id)
        person = _person(sent.get("user"))
        return show_form(
            self,
            request,
            form,
            title=_("Grant the tester plan"),
            submit=_("Grant"),
            template="admin/plans/testergrant/grant.html",
            preview=preview_tester_plan(user=person) if person else None,
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        grant = self.get_object(request, object_id)
        context = {"may_revoke": grant and not grant.revoked_at and self._may_revoke(request)}
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def revoke(self, request: HttpRequest, grant_id: uuid.UUID) -> HttpResponse:
        """Ask why, and take a grant back."""
        if not self._may_revoke(request):
            raise PermissionDenied
        grant = self.get_object(request, str(grant_id))
        if grant is None:
            raise Http404
        form = RevokeForm(request.POST if request.method == "POST" else None)
        if form.carry_out(
            lambda: revoke_tester_plan(
                grant_id=grant_id,
                actor=signed_in_user(request),
                reason=form.cleaned_data["reason"],
            )
        ):
            messages.success(request, gettext("The tester grant was revoked."))
            return redirect("admin:plans_testergrant_change", grant_id)
        return show_form(
            self,
            request,
            form,
            title=_("Revoke the tester grant of %(email)s") % {"email": grant.user.email},
            submit=_("Revoke"),
            original=grant,
        )

    def _may_revoke(self, request: HttpRequest) -> bool:
        return signed_in_user(request).has_perm("plans.change_testergrant")

    @admin.display(description=_("state"))
    def state(self, grant: Any) -> Any:
        return state_of(grant).label

    @admin.display(description=_("ends"), ordering="ends_at")
    def ends(self, grant: Any) -> Any:
        return grant.ends_at

    @admin.display(description=_("granted by"), ordering="granted_by_email")
    def given_by(self, grant: Any) -> str:
        return str(grant.granted_by_email or grant.granted_by)

    @admin.display(description=_("revoked by"))
    def revoked_by_whom(self, grant: Any) -> str:
        return str(grant.revoked_by_email or grant.revoked_by or "")


def _person(value: str | None) -> User | None:
    try:
        return User.objects.filter(id=uuid.UUID(value or "")).first()
    except ValueError:
        return None


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin[Notice]):
    list_display = ("created_at", "user", "kind", "state", "attempts", "sent_at")
    list_select_related = ("user",)
    list_filter = ("state", "kind")
    search_fields = ("user__email",)
    actions = ("send_again",)

    @admin.action(description=_("Send again what could not be sent, or perhaps was not"))
    def send_again(self, request: HttpRequest, queryset: QuerySet[Notice]) -> None:
        count = send_again(
            notice_ids=queryset.values_list("id", flat=True), actor_id=request.user.pk
        )
        self.message_user(request, gettext("%(count)d will be sent again.") % {"count": count})


@admin.register(BillingAccount)
class BillingAccountAdmin(ReadOnlyAdmin[BillingAccount]):
    list_display = ("user", "stripe_customer_id", "created_at", "closing_at", "closed_at")
    list_select_related = ("user",)
    search_fields = ("user__email", "=stripe_customer_id")


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin[Payment]):
    list_display = ("paid_at", "user", "kind", "plan", "amount_cents", "currency", "credits")
    list_select_related = ("user",)
    list_filter = ("kind", "plan", "paid_at")
    search_fields = ("user__email", "=number", "=stripe_invoice_id", "=stripe_payment_intent_id")


@admin.register(PaymentReversal)
class PaymentReversalAdmin(ReadOnlyAdmin[PaymentReversal]):
    list_display = ("created_at", "user", "kind", "payment", "amount_cents", "credits")
    list_select_related = ("user", "payment")
    list_filter = ("kind", "created_at")
    search_fields = ("user__email", "=stripe_id")


class CopyAdmin(ReadOnlyAdmin[Any]):
    """Copies of Stripe's objects; to change one, change it at Stripe."""

    list_display = ("id", "created", "livemode")
    search_fields = ("=id",)
    fields = ("id", "created", "livemode", "stripe_data")


class EventAdmin(ReadOnlyAdmin[Any]):
    list_display = ("created", "type", "id")
    list_filter = ("type",)
    search_fields = ("=id",)
    fields = ("id", "type", "created", "livemode", "api_version", "request_id", "data")


# dj-stripe's own pages show and take keys and secrets, and change things at Stripe.
for _model in apps.get_app_config("djstripe").get_models():
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)
admin.site.register((djstripe.Customer, djstripe.Subscription, djstripe.Invoice), CopyAdmin)
admin.site.register(djstripe.Event, EventAdmin)
