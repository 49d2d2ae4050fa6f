"""The admin with its front page, its pages of no single model, and a menu by what one works at."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _

from apps.dashboard.staff_menu import arranged

MAY_SEE_REPORTS = "credits.view_usagerecord"


class StaffAdminConfig(AdminConfig):
    """Django's admin, on the site below."""

    default_site = "apps.dashboard.admin_site.StaffAdminSite"


class StaffAdminSite(AdminSite):
    """Django's admin, with pages that are of no single model."""

    def get_urls(self) -> list[Any]:
        from apps.dashboard.reports import (  # need the models
            fleet_views,
            job_views,
            person_views,
            views,
        )

        pages: dict[str, tuple[Callable[..., HttpResponse], str]] = {
            "find/": (person_views.find, "find"),
            "revenue/": (views.revenue, "revenue"),
            "quotes/": (views.quotes, "quotes"),
            "fleet/": (fleet_views.fleet, "fleet"),
            "fleet/<str:target>/drain/": (fleet_views.drain, "drain"),
            "fleet/<str:target>/resume/": (fleet_views.undrain, "undrain"),
            "books/": (fleet_views.books, "books"),
            "people/<uuid:user_id>/": (person_views.person, "person"),
            "people/<uuid:user_id>/<slug:act>/": (person_views.act_on_person, "act-on-person"),
            "jobs/<uuid:job_id>/": (job_views.job, "job"),
            "jobs/<uuid:job_id>/cancel/": (job_views.cancel, "job-cancel"),
            "jobs/<uuid:job_id>/requeue/": (job_views.requeue, "job-requeue"),
            "jobs/<uuid:job_id>/retry/": (job_views.retry, "job-retry"),
            "appeals/<uuid:appeal_id>/picture/": (job_views.appeal_picture, "appeal-picture"),
            "jobs/<uuid:job_id>/pictures/": (job_views.open_pictures, "job-pictures"),
            "jobs/<uuid:job_id>/pictures/<uuid:image_name>/": (job_views.picture, "job-picture"),
        }
        return [
            *(
                path(route, self.admin_view(view), name=name)
                for route, (view, name) in pages.items()
            ),
            *super().get_urls(),
        ]

    def index(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        """Show what needs attention, above the list of all there is."""
        from apps.accounts.requests import signed_in_user  # these need the models
        from apps.dashboard.reports.overview import cards_for

        cards = cards_for(signed_in_user(request))
        return super().index(request, {"cards": cards, **(extra_context or {})})

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """List what there is by what one works at, the pages of no model among it."""
        apps: list[Any] = super().get_app_list(request, app_label)
        if app_label is not None:
            return apps
        return arranged(apps, pages=_pages(request))


def _pages(request: HttpRequest) -> list[dict[str, Any]]:
    pages = (
        ("fleet", _("Fleet"), "generation.view_worker", "work"),
        ("revenue", _("Revenue"), MAY_SEE_REPORTS, "money"),
        ("quotes", _("Quotes"), MAY_SEE_REPORTS, "money"),
        ("books", _("Credits audit"), "credits.view_posting", "money"),
    )
    return [
        {
            "name": name,
            "object_name": page,
            "admin_url": reverse(f"admin:{page}"),
            "add_url": None,
            "view_only": True,
            "perms": {"view": True},
            "section": section,
        }
        for page, name, permission, section in pages
        if request.user.has_perm(permission)
    ]
