from django.urls import path

from apps.credits.api import views

urlpatterns = [
    path("credits", views.CreditsView.as_view(), name="credits"),
    path("credits/postings", views.PostingListView.as_view(), name="credits-postings"),
    path("usage", views.UsageView.as_view(), name="usage"),
]
