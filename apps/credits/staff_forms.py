"""What staff fill in about credits."""

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.core.staff_forms import ReasonForm
from apps.credits.models import Grant


class GiveForm(ReasonForm):
    """Whom to give credits, how many and why."""

    field_order = ("key", "user", "amount", "reason")

    user = forms.ModelChoiceField(
        label=_("User"),
        queryset=User.objects.all(),
        widget=AutocompleteSelect(Grant._meta.get_field("user"), admin.site),
        help_text=_("Search by e-mail or name."),
    )
    amount = forms.IntegerField(
        label=_("Credits"), min_value=1, help_text=_("They can be used for 60 days.")
    )


class RefundForm(ReasonForm):
    """How many credits of a job to give back, and why."""

    field_order = ("key", "amount", "reason")

    amount = forms.IntegerField(
        label=_("Credits to give back"),
        min_value=1,
        help_text=_("They come as new credits, to be used for 60 days."),
    )
