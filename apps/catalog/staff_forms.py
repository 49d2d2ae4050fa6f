"""Forms of the admin for shared models."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.catalog.models import ModelKind, installable_bases
from apps.core.staff_forms import REASON_ATTRIBUTES, StaffForm

_UNSAID = [("", "—")]


class SharedInstallForm(StaffForm):
    """A model that all are to have."""

    source = forms.CharField(
        label=_("Source"),
        max_length=2000,
        help_text=_("owner/name of the model hub, an address, or s3://bucket/key."),
    )
    name = forms.CharField(label=_("Name"), max_length=100, required=False)
    kind = forms.ChoiceField(
        label=_("Kind"), choices=[*_UNSAID, *ModelKind.choices], required=False
    )
    base = forms.ChoiceField(
        label=_("Family"), choices=[*_UNSAID, *installable_bases()], required=False
    )
    license = forms.CharField(label=_("Licence"), max_length=64, required=False)
    commercial_use = forms.BooleanField(
        label=_("The licence allows commercial use"), required=False
    )
    sha256 = forms.RegexField(r"^[0-9a-fA-F]{64}$", label=_("SHA-256 of the file"), required=False)

    def wanted(self) -> dict[str, Any]:
        """Return what was said about the model."""
        names = ("name", "kind", "base", "license", "commercial_use")
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data[name]}


class LicenseForm(StaffForm):
    """A licence that somebody has seen."""

    note = forms.CharField(
        label=_("Licence"),
        max_length=2000,
        widget=forms.Textarea(attrs=REASON_ATTRIBUTES),
        help_text=_("Which one, and where it is kept; it stays on record with your name."),
    )
