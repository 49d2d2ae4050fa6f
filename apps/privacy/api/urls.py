from django.urls import path

from apps.privacy.api import views

urlpatterns = [
    path("account/data-requests", views.DataRequestListView.as_view(), name="data-requests"),
    path(
        "account/data-requests/<uuid:request_id>",
        views.DataRequestView.as_view(),
        name="data-request",
    ),
    path(
        "account/data-requests/<uuid:request_id>/file",
        views.DataRequestFileView.as_view(),
        name="data-request-file",
    ),
    path("account/export", views.ExportView.as_view(), name="account-export"),
    path("account/deletion", views.DeletionView.as_view(), name="account-deletion"),
]
