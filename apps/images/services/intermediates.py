"""Delete the pictures that were only for jobs: starts and masks that somebody painted."""

from datetime import timedelta

from django.utils import timezone

from apps.core.tenancy import service_scope
from apps.images.models import Image

# A job may wait, and be asked for again.
INTERMEDIATES_KEPT = timedelta(days=7)
PICTURES_A_BATCH = 500


def delete_old_intermediates() -> int:
    """Delete intermediate pictures that are a week old; return how many.

    A batch at a time, so that it can stop anywhere. Their files go as those of others do.
    """
    deleted = 0
    while batch := _delete_some():
        deleted += batch
    return deleted


def _delete_some() -> int:
    with service_scope("delete intermediate pictures"):
        old = Image.objects.filter(
            is_intermediate=True, created_at__lt=timezone.now() - INTERMEDIATES_KEPT
        )
        free = old.order_by("created_at").select_for_update(skip_locked=True, of=("self",))
        batch = list(free.values_list("id", flat=True)[:PICTURES_A_BATCH])
        Image.objects.filter(id__in=batch).delete()
    return len(batch)
