from django.urls import path

from apps.generation.api import (
    content_views,
    cover_views,
    grid_views,
    queue_views,
    views,
)

urlpatterns = [
    path("models/<slug:key>/cover", cover_views.ModelCoverView.as_view(), name="model-cover"),
    path("generations", views.GenerationListView.as_view(), name="generations"),
    path("generations/quote", views.GenerationQuoteView.as_view(), name="generation-quote"),
    path("generations/batch", queue_views.BatchView.as_view(), name="generation-batch"),
    path(
        "generations/batch/<uuid:batch_id>/cancel",
        queue_views.BatchCancelView.as_view(),
        name="generation-batch-cancel",
    ),
    path("generations/grid", grid_views.GridView.as_view(), name="generation-grid"),
    path(
        "generations/grid/quote", grid_views.GridQuoteView.as_view(), name="generation-grid-quote"
    ),
    path(
        "generations/grid/<uuid:batch_id>/sheet",
        grid_views.GridSheetView.as_view(),
        name="generation-grid-sheet",
    ),
    path(
        "generations/<uuid:job_id>/appeal",
        content_views.GenerationAppealView.as_view(),
        name="generation-appeal",
    ),
    path(
        "generations/<uuid:job_id>/move",
        queue_views.GenerationMoveView.as_view(),
        name="generation-move",
    ),
    path(
        "generations/<uuid:job_id>/retry",
        queue_views.GenerationRetryView.as_view(),
        name="generation-retry",
    ),
    path("queue", queue_views.QueueView.as_view(), name="queue"),
    path("queue/clear", queue_views.QueueClearView.as_view(), name="queue-clear"),
    path("queue/pause", queue_views.QueuePauseView.as_view(), name="queue-pause"),
    path("queue/prune", queue_views.QueuePruneView.as_view(), name="queue-prune"),
    path("queue/resume", queue_views.QueueResumeView.as_view(), name="queue-resume"),
    path("generations/<uuid:job_id>", views.GenerationView.as_view(), name="generation"),
    path("generations/<uuid:job_id>/receipt", views.ReceiptView.as_view(), name="receipt"),
    path("usage/receipts.csv", views.ReceiptFileView.as_view(), name="usage-receipts"),
    path(
        "generations/<uuid:job_id>/cancel",
        views.GenerationCancelView.as_view(),
        name="generation-cancel",
    ),
]
