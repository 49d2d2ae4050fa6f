"""Delete the pictures that were only for jobs: starts and masks that somebody painted.

Which jobs there are the apps above know: each says at its start how it finds the pictures that it
still needs.
"""

import uuid
from collections.abc import Set
from datetime import timedelta
from typing import Protocol

from django.db.models import QuerySet
from django.utils import timezone

from apps.core.tenancy import service_scope
from apps.images.models import Image

# A job may wait, and be asked for again.
INTERMEDIATES_KEPT = timedelta(days=7)
PICTURES_A_BATCH = 500


class PictureUse(Protocol):
    """Names the pictures of a user that something still needs."""

    def __call__(self, *, user_id: uuid.UUID) -> Set[uuid.UUID]: ...


_uses: list[PictureUse] = []


def register_use(use: PictureUse) -> None:
    """Keep these pictures too, from an `AppConfig.ready()`."""
    if use not in _uses:
        _uses.append(use)


def delete_old_intermediates() -> int:
    """Delete intermediate pictures that are a week old and that nothing needs; return how many.

    A batch at a time, so that it can stop anywhere. Their files go as those of others do.
    """
    with service_scope("find intermediate pictures"):
        owners = list(_old().order_by("user").values_list("user", flat=True).distinct())
    deleted = 0
    for user_id in owners:
        while batch := _delete_some(user_id):
            deleted += batch
    return deleted


def _delete_some(user_id: uuid.UUID) -> int:
    with service_scope("delete intermediate pictures"):
        needed = {name for use in _uses for name in use(user_id=user_id)}
        free = _old().filter(user=user_id).exclude(image_name__in=needed)
        locked = free.order_by("created_at").select_for_update(skip_locked=True, of=("self",))
        batch = list(locked.values_list("id", flat=True)[:PICTURES_A_BATCH])
        Image.objects.filter(id__in=batch).delete()
    return len(batch)


def _old() -> QuerySet[Image]:
    past = timezone.now() - INTERMEDIATES_KEPT
    return Image.objects.filter(is_intermediate=True, created_at__lt=past)
