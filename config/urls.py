"""Addresses: pages at the root, the JSON API under `/api/v1/`, health beside them."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.i18n import JavaScriptCatalog
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from apps.accounts.language_views import set_language
from apps.accounts.views import administrator_sign_in
from apps.core import views as core
from apps.generation.views import metrics
from apps.plans.views import stripe_webhook

api_v1 = [
    path("app/", include("apps.core.api.urls")),
    path("", include("apps.accounts.api.urls")),
    path("", include("apps.privacy.api.urls")),
    path("", include("apps.credits.api.urls")),
    path("", include("apps.plans.api.urls")),
    path("", include("apps.catalog.api.urls")),
    path("", include("apps.images.api.urls")),
    path("", include("apps.boards.api.urls")),
    path("", include("apps.canvas.api.urls")),
    path("", include("apps.providers.api.urls")),
    path("", include("apps.generation.api.urls")),
    path("", include("apps.training.api.urls")),
    path("", include("apps.workflows.api.urls")),
]

if settings.EASEL_SERVE_ADMIN:
    api_v1.append(path("admin/", include("apps.plans.api.staff_urls")))

urlpatterns = [
    path("healthz", core.healthz, name="healthz"),
    path("readyz", core.readyz, name="readyz"),
    path(".well-known/security.txt", core.security_txt, name="security-txt"),
    path("metrics", metrics, name="metrics"),
    path("api/v1/", include(api_v1)),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path(
        "api/docs/",
        # Its script is a request of its own: the content security policy admits none in the page.
        SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="api_docs.html"),
        name="api-docs",
    ),
    re_path("^api/", core.unknown_api_address),
    path("accounts/", include("apps.accounts.urls")),
    path("files/", include("apps.images.urls")),
    path("shared/", include("apps.boards.urls")),
    path("i18n/setlang/", set_language, name="set_language"),
    path("i18n/catalog.js", JavaScriptCatalog.as_view(), name="javascript-catalog"),
    path("", include("apps.dashboard.urls")),
]

if settings.EASEL_SERVE_ADMIN:
    # Before the studio's, whose patterns begin at the root too.
    urlpatterns[:0] = [
        # The admin's own sign-in would be a second door, without the limit on attempts.
        path("admin/login/", administrator_sign_in),
        path("admin/", admin.site.urls),
        # What Stripe tells is of all users.
        path("billing/stripe/webhook/", stripe_webhook, name="stripe-webhook"),
    ]

handler400 = core.bad_request
handler403 = core.permission_denied
handler404 = core.not_found
handler500 = core.server_error
