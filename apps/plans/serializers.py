"""The JSON of plans and payments."""

from typing import Any

from rest_framework import serializers

from apps.core.serializers import TextField
from apps.plans.models import BillingInterval, PauseReason, Payment, Subscription
from apps.plans.products import PACK_DAYS, PACKS, PLANS_SOLD
from apps.plans.selectors import Billing


class PlanChoiceSerializer(serializers.Serializer[Any]):
    """A plan, and how long a period is."""

    plan = TextField(max_length=32)
    interval = serializers.ChoiceField(
        choices=BillingInterval.choices, default=BillingInterval.MONTH
    )


class PackChoiceSerializer(serializers.Serializer[Any]):
    """A credit pack."""

    pack = TextField(max_length=32)


class PageSerializer(serializers.Serializer[Any]):
    """The page of the payment provider to go to."""

    url = serializers.CharField()


class ChangeSerializer(serializers.Serializer[Any]):
    """Whether the plan changes at once, or with the next period."""

    is_upgrade = serializers.BooleanField()


class PreviewSerializer(serializers.Serializer[Any]):
    """What a change costs now, what it gives, and when it begins."""

    is_upgrade = serializers.BooleanField()
    cents = serializers.IntegerField()
    credits = serializers.IntegerField()
    begins_at = serializers.DateTimeField()


class SubscriptionSerializer(serializers.ModelSerializer[Subscription]):
    """A plan that is paid by card."""

    class Meta:
        model = Subscription
        fields = (
            "plan",
            "interval",
            "renews_at",
            "next_plan",
            "cancels_at",
            "past_due_since",
            "valid_until",
        )


class SoldPlanSerializer(serializers.Serializer[Any]):
    """A plan with its prices; without one it is made by hand."""

    slug = serializers.CharField()
    dollars_a_month = serializers.IntegerField(allow_null=True)
    dollars_a_year = serializers.IntegerField(allow_null=True)
    credits_a_month = serializers.IntegerField(allow_null=True)


class PackSerializer(serializers.Serializer[Any]):
    """A credit pack with its price; `days` is how long its credits can be used."""

    slug = serializers.CharField()
    credits = serializers.IntegerField()
    dollars = serializers.IntegerField()
    days = serializers.IntegerField(default=PACK_DAYS)


class BillingSerializer(serializers.Serializer[Any]):
    """What one has, what is sold, and whether it can be bought."""

    payments_on = serializers.BooleanField()
    plan = serializers.CharField()
    pause = serializers.ChoiceField(choices=PauseReason.choices, allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True)
    subscription = SubscriptionSerializer(allow_null=True)
    plans = SoldPlanSerializer(many=True)
    packs = PackSerializer(many=True)


class PaymentSerializer(serializers.ModelSerializer[Payment]):
    """A payment; `reversed_cents` of it have gone back."""

    reversed_cents = serializers.IntegerField()

    class Meta:
        model = Payment
        fields = (
            "id",
            "kind",
            "number",
            "amount_cents",
            "reversed_cents",
            "currency",
            "plan",
            "interval",
            "credits",
            "period_start",
            "period_end",
            "paid_at",
            "hosted_invoice_url",
            "invoice_pdf",
        )


def render_billing(found: Billing) -> dict[str, Any]:
    """Render what one has and what is sold."""
    facts = {
        "payments_on": found.payments_on,
        "plan": found.has.plan.slug,
        "pause": found.has.pause,
        "ends_at": found.has.ends_at,
        "subscription": found.subscription,
        "plans": PLANS_SOLD,
        "packs": [
            {"slug": pack.slug, "credits": pack.credits, "dollars": pack.dollars, "days": PACK_DAYS}
            for pack in PACKS.values()
        ],
    }
    return dict(BillingSerializer(facts).data)
