from django.urls import path

from apps.generation.api import views

urlpatterns = [
    path("generations", views.GenerationListView.as_view(), name="generations"),
    path("generations/quote", views.GenerationQuoteView.as_view(), name="generation-quote"),
    path("generations/<uuid:job_id>", views.GenerationView.as_view(), name="generation"),
    path("generations/<uuid:job_id>/receipt", views.ReceiptView.as_view(), name="receipt"),
    path("usage/receipts.csv", views.ReceiptFileView.as_view(), name="usage-receipts"),
    path(
        "generations/<uuid:job_id>/cancel",
        views.GenerationCancelView.as_view(),
        name="generation-cancel",
    ),
]
