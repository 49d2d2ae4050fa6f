from django.urls import path

from apps.catalog.api.views import GenerationModelListView

urlpatterns = [path("models", GenerationModelListView.as_view(), name="models")]
