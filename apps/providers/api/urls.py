from django.urls import path

from apps.providers.api import views

urlpatterns = [
    path("providers", views.ProviderListView.as_view(), name="providers"),
    path("providers/<slug:provider>/key", views.OwnKeyView.as_view(), name="provider-key"),
]
