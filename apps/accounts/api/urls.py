from django.urls import path

from apps.accounts.api.views import ActivityView

urlpatterns = [path("account/activity", ActivityView.as_view(), name="account-activity")]
