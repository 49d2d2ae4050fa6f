"""Delete what nobody wants any more: canvases long in the trash, pixels that no save names.

And the canvases of those who are on no plan for too long, as their pictures are.
"""

from datetime import timedelta

from django.db.models import Exists, OuterRef
from django.utils import timezone

from apps.canvas.models import CanvasDocument, CanvasFile
from apps.canvas.services.documents import delete_documents
from apps.canvas.services.files import delete_files
from apps.core.tenancy import service_scope
from apps.images.services.library import TRASH_KEPT
from apps.plans.retention import ended_plans_past_retention, lock_end_of_plan

# Whoever has the canvas open may undo for so long.
UNNAMED_KEPT = timedelta(days=1)
ROWS_A_BATCH = 100
USERS_A_SWEEP = 100


def delete_canvas_leftovers() -> int:
    """Delete canvases that are 30 days in the trash, and files that no save names since a day.

    A batch at a time, so that it can stop anywhere. Returns how many rows went.
    """
    deleted = 0
    while batch := _delete_some():
        deleted += batch
    return deleted


def delete_canvases_past_retention() -> int:
    """Delete the canvases of users who are on no plan for too long; return how many."""
    with service_scope("find canvases past retention"):
        theirs = CanvasDocument.objects.filter(user=OuterRef("user"))
        found = list(ended_plans_past_retention().filter(Exists(theirs))[:USERS_A_SWEEP])
    deleted = 0
    for plan in found:
        with service_scope("delete canvases past retention"):
            # Whoever came back meanwhile keeps them.
            if lock_end_of_plan(user_id=plan.user_id):
                theirs = CanvasDocument.objects.filter(user=plan.user_id)
                deleted += delete_documents(list(theirs.select_for_update(of=("self",))))
    return deleted


def _delete_some() -> int:
    now = timezone.now()
    with service_scope("delete canvases and pixels that nobody wants"):
        old = CanvasDocument.objects.filter(deleted_at__lt=now - TRASH_KEPT).order_by("deleted_at")
        free = old.select_for_update(skip_locked=True, of=("self",))
        documents = delete_documents(list(free[:ROWS_A_BATCH]))
        unnamed = CanvasFile.objects.filter(unnamed_at__lt=now - UNNAMED_KEPT)
        unnamed = unnamed.order_by("unnamed_at").select_for_update(skip_locked=True, of=("self",))
        return documents + delete_files(unnamed[:ROWS_A_BATCH])
