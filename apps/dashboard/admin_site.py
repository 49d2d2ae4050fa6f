"""The admin with its reports."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest
from django.urls import path, reverse
from django.utils.translation import gettext as _

MAY_SEE_REPORTS = "credits.view_usagerecord"


class StaffAdminConfig(AdminConfig):
    """Django's admin, on the site below."""

    default_site = "apps.dashboard.admin_site.StaffAdminSite"


class StaffAdminSite(AdminSite):
    """Django's admin, with pages that are of no single model."""

    def get_urls(self) -> list[Any]:
        from apps.dashboard.reports import views  # needs the models

        return [
            path("revenue/", self.admin_view(views.revenue), name="revenue"),
            path("quotes/", self.admin_view(views.quotes), name="quotes"),
            *super().get_urls(),
        ]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """List the reports as if they were models, for those who may see them."""
        apps: list[Any] = super().get_app_list(request, app_label)
        if app_label is None and request.user.has_perm(MAY_SEE_REPORTS):
            apps.insert(0, _reports())
        return apps


def _reports() -> dict[str, Any]:
    pages = {"revenue": _("Revenue"), "quotes": _("Quotes")}
    return {
        "name": _("Reports"),
        "app_label": "reports",
        "app_url": reverse("admin:revenue"),
        "has_module_perms": True,
        "models": [
            {
                "name": name,
                "object_name": page,
                "admin_url": reverse(f"admin:{page}"),
                "add_url": None,
                "view_only": True,
                "perms": {"view": True},
            }
            for page, name in pages.items()
        ],
    }
