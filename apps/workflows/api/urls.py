from django.urls import path

from apps.workflows.api import views

urlpatterns = [
    path("style-presets", views.StylePresetListView.as_view(), name="style-presets"),
    path("style-presets/<uuid:preset_id>", views.StylePresetView.as_view(), name="style-preset"),
    path("wildcards", views.WildcardListView.as_view(), name="wildcards"),
    path("wildcards/<uuid:wildcard_id>", views.WildcardView.as_view(), name="wildcard"),
    path("prompts/expand", views.PromptExpansionView.as_view(), name="prompts-expand"),
]
