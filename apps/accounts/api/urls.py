from django.urls import path

from apps.accounts.api import views

urlpatterns = [
    path("account/activity", views.ActivityView.as_view(), name="account-activity"),
    path("keys", views.ApiKeyListView.as_view(), name="keys"),
    path("keys/<uuid:key_id>", views.ApiKeyView.as_view(), name="key"),
]
