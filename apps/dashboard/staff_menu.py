"""The menu of the admin: by what one works at, not by how the code is cut."""

from collections.abc import Sequence
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

# Name of the section, its title, and what stands in it, by label; what is named nowhere comes last.
_SECTIONS: Final = (
    (
        "people",
        _("People"),
        ("accounts.User", "plans.Subscription", "plans.TesterGrant", "accounts.ApiKey"),
    ),
    (
        "work",
        _("Work"),
        (
            *("generation.Job", "generation.ContentAppeal", "images.Image"),
            *("training.TrainingRun", "training.TrainingSet"),
        ),
    ),
    (
        "money",
        _("Money"),
        (
            *("credits.Grant", "credits.Hold", "credits.Posting", "credits.UsageRecord"),
            *("plans.Payment", "plans.PaymentReversal", "plans.BillingAccount"),
        ),
    ),
    (
        "models",
        _("Models and styles"),
        (
            *("catalog.GenerationModel", "catalog.ModelInstall"),
            *("workflows.StylePreset", "workflows.Wildcard", "workflows.Workflow"),
        ),
    ),
    (
        "record",
        _("Records"),
        ("core.AuditRecord", "plans.Notice", "privacy.DataRequest"),
    ),
)
_STRIPE: Final = "djstripe"


def arranged(apps: Sequence[dict[str, Any]], *, pages: Sequence[dict[str, Any]]) -> list[Any]:
    """Put the models of Django's list of apps, and `pages`, into sections; none is lost."""
    models = {
        f"{app['app_label']}.{model['object_name']}": model
        for app in apps
        for model in app["models"]
    }
    # The fleet has a page of its own.
    models.pop("generation.Worker", None)
    sections = []
    for name, title, labels in _SECTIONS:
        own = [page for page in pages if page["section"] == name]
        own += [models.pop(label) for label in labels if label in models]
        sections.append(_section(name, title, own))
    stripe = [models.pop(label) for label in list(models) if label.startswith(f"{_STRIPE}.")]
    sections.append(_section("stripe", _("Copies from Stripe"), stripe))
    sections.append(_section("more", _("More"), list(models.values())))
    return [section for section in sections if section["models"]]


def _section(name: str, title: Any, models: list[Any]) -> dict[str, Any]:
    return {
        "name": title,
        "app_label": name,
        "app_url": models[0]["admin_url"] if models else "",
        "has_module_perms": True,
        "models": models,
    }
