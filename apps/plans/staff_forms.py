"""What staff fill in about plans."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.core.staff_forms import ReasonForm
from apps.plans.models import PauseReason, Subscription, TesterGrant
from apps.plans.products import TESTER_CREDITS, TESTER_DAYS

CUSTOMS = (
    "custom_dollars_a_month",
    "custom_credits_a_month",
    "custom_parallel_queues",
    "custom_storage_gb",
)


class TesterGrantForm(ReasonForm):
    """Who is to test, with how many credits, for how long and why."""

    field_order = ("key", "user", "credits", "days", "reason")

    user = forms.ModelChoiceField(
        label=_("User"),
        queryset=User.objects.all(),
        widget=AutocompleteSelect(TesterGrant._meta.get_field("user"), admin.site),
        help_text=_("Search by e-mail or name."),
    )
    credits = forms.IntegerField(
        label=_("Credits"),
        initial=TESTER_CREDITS,
        min_value=1,
        help_text=_("They end with the plan."),
    )
    days = forms.IntegerField(
        label=_("Valid for, days"),
        initial=30,
        min_value=TESTER_DAYS[0],
        max_value=TESTER_DAYS[-1],
        help_text=_("From now, 1 to 365 days."),
    )

    def facts(self) -> dict[str, Any]:
        """Return what was filled in, as the service takes it."""
        return {**self.cleaned_data, "key": str(self.cleaned_data["key"])}


class RevokeForm(ReasonForm):
    """Why a tester grant is taken back."""


class SubscriptionForm(forms.ModelForm[Subscription]):
    """A subscription set by hand; own values are for customers of the enterprise plan alone.

    Of the pauses staff set and lift their own; the others follow from payments.
    """

    class Meta:
        model = Subscription
        fields = ("user", "plan", "valid_from", "valid_until", "pause_reason", *CUSTOMS)
        labels: ClassVar[dict[str, Any]] = {
            "custom_dollars_a_month": _("$ a month"),
            "custom_credits_a_month": _("Credits a month"),
            "custom_parallel_queues": _("Parallel queues"),
            "custom_storage_gb": _("Storage, GB"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = {"", PauseReason.STAFF, self.instance.pause_reason}
        pause = self.fields.get("pause_reason")
        # Not there for those who may only look.
        if isinstance(pause, forms.ChoiceField):
            reasons = [("", "---------"), *PauseReason.choices]
            pause.choices = [reason for reason in reasons if reason[0] in offered]

    def clean(self) -> dict[str, Any] | None:
        values = super().clean() or self.cleaned_data
        if (values.get("plan") or self.instance.plan) != "enterprise":
            for name in CUSTOMS:
                if values.get(name) is not None:
                    self.add_error(name, _("Only the enterprise plan has values of its own."))
        begins = values.get("valid_from") or self.instance.valid_from
        ends = values.get("valid_until")
        if begins and ends and ends <= begins:
            self.add_error("valid_until", _("The end must come after the beginning."))
        return values
