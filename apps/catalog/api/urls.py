from django.urls import path

from apps.catalog.api import install_views, views

urlpatterns = [
    path("models", views.GenerationModelListView.as_view(), name="models"),
    path("models/installs", install_views.ModelInstallListView.as_view(), name="model-installs"),
    path(
        "models/installs/<uuid:install_id>",
        install_views.ModelInstallView.as_view(),
        name="model-install",
    ),
    path(
        "models/installs/<uuid:install_id>/cancel",
        install_views.ModelInstallCancelView.as_view(),
        name="model-install-cancel",
    ),
    path(
        "models/installs/<uuid:install_id>/content",
        install_views.ModelInstallContentView.as_view(),
        name="model-install-content",
    ),
    path("models/<slug:key>", views.GenerationModelView.as_view(), name="model"),
]
