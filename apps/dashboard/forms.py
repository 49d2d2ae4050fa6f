"""Forms of the pages; what they hold goes to services below."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Scope

LIFETIMES = (("30", _("30 days")), ("90", _("90 days")), ("365", _("a year")), ("", _("no end")))


class KeyForm(forms.Form):
    """An API key to be made."""

    name = forms.CharField(max_length=100)
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, error_messages={"required": _("Choose at least one scope.")}
    )
    lifetime = forms.ChoiceField(choices=LIFETIMES, required=False)
    monthly_credit_cap = forms.IntegerField(min_value=1, max_value=2**31 - 1, required=False)

    def settings(self) -> dict[str, Any]:
        """Return what was asked for, as the service takes it."""
        return {
            "name": self.cleaned_data["name"],
            "scopes": [Scope(scope) for scope in self.cleaned_data["scopes"]],
            "expires_at": self._end(),
            "monthly_credit_cap": self.cleaned_data["monthly_credit_cap"],
        }

    def _end(self) -> datetime | None:
        days = self.cleaned_data["lifetime"]
        return timezone.now() + timedelta(days=int(days)) if days else None


class ProfileForm(forms.Form):
    """What others and the header call somebody."""

    name = forms.CharField(
        label=_("Name"),
        max_length=150,
        required=False,
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "name"}),
    )


class PlanForm(forms.Form):
    """A plan, and how long a period is; the service says what is wrong with it."""

    plan = forms.CharField(max_length=32, required=False)
    interval = forms.CharField(max_length=8, required=False)
    key = forms.CharField(max_length=64, required=False)

    def settings(self) -> dict[str, Any]:
        """Return what was chosen, as the services take it."""
        self.full_clean()
        given = self.cleaned_data
        return {
            "plan": given.get("plan", ""),
            "interval": given.get("interval") or "month",
            "key": given.get("key") or None,
        }


class PackForm(forms.Form):
    """A credit pack; the service says whether there is one."""

    pack = forms.CharField(max_length=32, required=False)
    key = forms.CharField(max_length=64, required=False)

    def settings(self) -> dict[str, Any]:
        """Return what was chosen, as the service takes it."""
        self.full_clean()
        return {
            "pack": self.cleaned_data.get("pack", ""),
            "key": self.cleaned_data.get("key") or None,
        }


class InstallForm(forms.Form):
    """A place to install a model from; the service says what is wrong with it."""

    source = forms.CharField(max_length=2000)
    name = forms.CharField(max_length=100, required=False)
    commercial_use = forms.BooleanField(required=False)

    def settings(self) -> dict[str, Any]:
        """Return what was asked for, as the service takes it."""
        given = self.cleaned_data
        wanted = {"commercial_use": given["commercial_use"]}
        if given["name"]:
            wanted["name"] = given["name"]
        return {"source": given["source"], "wanted": wanted}
