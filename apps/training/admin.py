from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.core.admin import ReadOnlyAdmin
from apps.training.models import TrainingRun, TrainingSet


@admin.register(TrainingSet)
class TrainingSetAdmin(ReadOnlyAdmin[TrainingSet]):
    """The sets of all users: whose, and since when."""

    list_display = ("created_at", "user", "name", "updated_at")
    list_select_related = ("user",)
    search_fields = ("=id", "user__email")
    fields = ("user", "name", "created_at", "updated_at")
    readonly_fields = ("created_at", "updated_at")
    ordering = ("-created_at", "-id")


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnlyAdmin[TrainingRun]):
    """The trainings of all users; staff try one again on the page of its job."""

    list_display = (
        *("created_at", "user", "name", "base_model", "step", "checkpoint_step"),
        *("model_key", "job_id"),
    )
    list_select_related = ("user",)
    list_filter = ("created_at", "base_model")
    search_fields = ("=id", "=job_id", "user__email", "=model_key")
    fields = (
        *("user", "name", "base_model", "settings", "max_credits", "job_id", "attempt"),
        *("step", "checkpoint_step", "model_key", "created_at", "updated_at"),
    )
    readonly_fields = ("created_at", "updated_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[TrainingRun]:
        shown = super().get_queryset(request).defer("losses", "pictures")
        return shown.order_by("-created_at", "-id")
