from django.urls import path

from apps.plans.api import staff_views as views

urlpatterns = [
    path("tester-plan/grants", views.TesterGrantListView.as_view(), name="tester-grants"),
    path(
        "tester-plan/grants/<uuid:grant_id>",
        views.TesterGrantView.as_view(),
        name="tester-grant",
    ),
    path(
        "tester-plan/grants/<uuid:grant_id>/revoke",
        views.TesterGrantRevokeView.as_view(),
        name="tester-grant-revoke",
    ),
]
