from django.urls import path

from apps.training.api import run_views, set_views

urlpatterns = [
    path("training/sets", set_views.SetListView.as_view(), name="training-sets"),
    path("training/sets/<uuid:set_id>", set_views.SetView.as_view(), name="training-set"),
    path(
        "training/sets/<uuid:set_id>/images",
        set_views.SetPicturesView.as_view(),
        name="training-pictures",
    ),
    path(
        "training/sets/<uuid:set_id>/images/remove",
        set_views.SetPicturesRemoveView.as_view(),
        name="training-pictures-remove",
    ),
    path("training/quote", run_views.TrainingQuoteView.as_view(), name="training-quote"),
    path("training/runs", run_views.RunListView.as_view(), name="training-runs"),
    path("training/runs/<uuid:run_id>", run_views.RunView.as_view(), name="training-run"),
    path(
        "training/runs/<uuid:run_id>/cancel",
        run_views.RunCancelView.as_view(),
        name="training-run-cancel",
    ),
    path(
        "training/runs/<uuid:run_id>/quote",
        run_views.RunQuoteView.as_view(),
        name="training-run-quote",
    ),
    path(
        "training/runs/<uuid:run_id>/retry",
        run_views.RunRetryView.as_view(),
        name="training-run-retry",
    ),
    path(
        "training/runs/<uuid:run_id>/samples/<uuid:sample_name>",
        run_views.SampleView.as_view(),
        name="training-sample",
    ),
]
