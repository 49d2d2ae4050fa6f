from django.urls import path

from apps.workflows.api import run_views, views, workflow_views

urlpatterns = [
    path("style-presets", views.StylePresetListView.as_view(), name="style-presets"),
    path("style-presets/<uuid:preset_id>", views.StylePresetView.as_view(), name="style-preset"),
    path("wildcards", views.WildcardListView.as_view(), name="wildcards"),
    path("wildcards/<uuid:wildcard_id>", views.WildcardView.as_view(), name="wildcard"),
    path("prompts/expand", views.PromptExpansionView.as_view(), name="prompts-expand"),
    path("workflows", workflow_views.WorkflowListView.as_view(), name="workflow-list"),
    path("workflows/nodes", workflow_views.PaletteView.as_view(), name="workflow-nodes"),
    path("workflows/schema", workflow_views.DocumentSchemaView.as_view(), name="workflow-schema"),
    path("workflows/import", workflow_views.WorkflowImportView.as_view(), name="workflow-import"),
    path("workflows/check", run_views.WorkflowCheckView.as_view(), name="workflow-check"),
    path("workflows/quote", run_views.WorkflowQuoteView.as_view(), name="workflow-quote"),
    path("workflows/runs", run_views.WorkflowRunListView.as_view(), name="workflow-runs"),
    path(
        "workflows/runs/<uuid:workflow_run_id>",
        run_views.WorkflowRunView.as_view(),
        name="workflow-run",
    ),
    path("workflows/<uuid:workflow_id>", workflow_views.WorkflowView.as_view(), name="workflow"),
    path(
        "workflows/<uuid:workflow_id>/versions",
        workflow_views.VersionListView.as_view(),
        name="workflow-versions",
    ),
    path(
        "workflows/<uuid:workflow_id>/versions/<int:number>",
        workflow_views.VersionView.as_view(),
        name="workflow-version",
    ),
    path(
        "workflows/<uuid:workflow_id>/versions/<int:number>/restore",
        workflow_views.VersionRestoreView.as_view(),
        name="workflow-version-restore",
    ),
    path(
        "workflows/<uuid:workflow_id>/duplicate",
        workflow_views.WorkflowDuplicateView.as_view(),
        name="workflow-duplicate",
    ),
    path(
        "workflows/<uuid:workflow_id>/export",
        workflow_views.WorkflowExportView.as_view(),
        name="workflow-export",
    ),
    path(
        "images/<uuid:image_name>/workflow",
        workflow_views.ImageWorkflowView.as_view(),
        name="image-workflow",
    ),
]
