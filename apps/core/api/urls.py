from django.urls import path

from apps.core.api.views import VersionView

urlpatterns = [path("version", VersionView.as_view(), name="app-version")]
