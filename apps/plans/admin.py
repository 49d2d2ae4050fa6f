from typing import Any

from django.apps import apps
from django.contrib import admin
from djstripe import models as djstripe

from apps.core.admin import AuditedAdmin, ReadOnlyAdmin
from apps.plans.models import BillingAccount, Payment, PaymentReversal, Subscription


@admin.register(Subscription)
class SubscriptionAdmin(AuditedAdmin[Subscription]):
    list_display = ("user", "plan", "valid_from", "valid_until")
    list_select_related = ("user",)
    list_filter = ("plan",)
    search_fields = ("user__email",)
    raw_id_fields = ("user",)


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
