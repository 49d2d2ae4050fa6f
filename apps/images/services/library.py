"""What users do with their pictures: stars, ratings, notes, tags, the trash and the end."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts.models import User
from apps.core.audit import record_act
from apps.core.errors import NotFound
from apps.core.models import Act
from apps.core.tenancy import service_scope, tenant_scope
from apps.images.kept_lists import note_library_change
from apps.images.models import MAX_TAGS, Image, ImageAct
from apps.images.selectors import get_image

logger = structlog.get_logger(__name__)

TRASH_KEPT = timedelta(days=30)
PICTURES_A_BATCH = 500


def lock_library(*, user_id: uuid.UUID) -> None:
    """Let no other change to pictures and boards of a user run until this transaction ends.

    Two changes of many rows would otherwise wait for each other's. A finishing job adds rows
    that nobody else knows yet, and waits only where they go on boards. The user's lists are no
    older than the change.
    """
    note_library_change(user_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"library:{user_id}"]
        )


def edit_image(*, user: User, image_name: uuid.UUID, **changes: Any) -> Image:
    """Set `starred`, `rating`, `note` or `tags` of a picture, whichever are given.

    Raises:
        NotFound: `user` has no such picture, or it is in the trash.
    """
    with transaction.atomic():
        lock_library(user_id=user.id)
        shown = Image.objects.filter(user=user, image_name=image_name, deleted_at=None)
        if not (shown.update(**changes) if changes else shown.exists()):
            raise NotFound
        return get_image(user_id=user.id, image_name=image_name)


def star_images(*, user: User, names: Collection[uuid.UUID], starred: bool) -> set[uuid.UUID]:
    """Star pictures or take their stars; return those that are there."""
    return change_images(user=user, names=names, change=lambda rows: rows.update(starred=starred))


def rate_images(*, user: User, names: Collection[uuid.UUID], rating: int) -> set[uuid.UUID]:
    """Give pictures `rating` stars, 0 for none; return those that are there."""
    return change_images(user=user, names=names, change=lambda rows: rows.update(rating=rating))


def tag_images(
    *,
    user: User,
    names: Collection[uuid.UUID],
    add: Iterable[str] = (),
    remove: Iterable[str] = (),
) -> set[uuid.UUID]:
    """Add and remove tags; return those that are there.

    A picture keeps the first `MAX_TAGS` of them.
    """

    def change(rows: QuerySet[Image]) -> None:
        images = list(rows)
        for image in images:
            kept = [tag for tag in image.tags if tag not in set(remove)]
            image.tags = list(dict.fromkeys([*kept, *add]))[:MAX_TAGS]
        Image.objects.bulk_update(images, ["tags"])

    return change_images(user=user, names=names, change=change)


def act_on_images(
    *,
    user: User,
    act: ImageAct,
    names: Collection[uuid.UUID],
    rating: int = 0,
    tags: Sequence[str] = (),
) -> set[uuid.UUID]:
    """Do one of the acts of the API to pictures, all or none; return those that are there."""
    match act:
        case ImageAct.STAR | ImageAct.UNSTAR:
            return star_images(user=user, names=names, starred=act is ImageAct.STAR)
        case ImageAct.RATE:
            return rate_images(user=user, names=names, rating=rating)
        case ImageAct.TAG:
            return tag_images(user=user, names=names, add=tags)
        case ImageAct.UNTAG:
            return tag_images(user=user, names=names, remove=tags)
        case ImageAct.TRASH:
            return trash_images(user=user, names=names)
        case ImageAct.RESTORE:
            return restore_images(user=user, names=names)
        case ImageAct.PURGE:
            return purge_images(user_id=user.id, names=names, actor_id=user.id)


def trash_images(*, user: User, names: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Put pictures into the trash; return those that are there, or were already."""
    now = timezone.now()
    return change_images(
        user=user,
        names=names,
        change=lambda rows: rows.filter(deleted_at=None).update(deleted_at=now),
    )


def restore_images(*, user: User, names: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Take pictures out of the trash, into the boards they were in; return those that are there."""
    return change_images(user=user, names=names, change=lambda rows: rows.update(deleted_at=None))


def restore_trash(*, user: User) -> int:
    """Take everything in the trash of `user` out of it; return how many pictures were."""
    with transaction.atomic():
        lock_library(user_id=user.id)
        return Image.objects.filter(user=user, deleted_at__isnull=False).update(deleted_at=None)


def purge_images(
    *, user_id: uuid.UUID, names: Collection[uuid.UUID], actor_id: uuid.UUID | None
) -> set[uuid.UUID]:
    """Delete pictures that are in the trash for good; return those that were."""
    with transaction.atomic():
        lock_library(user_id=user_id)
        trash = Image.objects.filter(user=user_id, deleted_at__isnull=False)
        rows = trash.filter(image_name__in=names).order_by("id")
        gone = set(rows.select_for_update().values_list("image_name", flat=True))
        if gone:
            trash.filter(image_name__in=gone).delete()
            target = str(*gone) if len(gone) == 1 else f"{len(gone)} pictures"
            record_act(act=Act.IMAGE_DELETED, user_id=user_id, actor_id=actor_id, target=target)
    return gone


def empty_trash(*, user: User) -> int:
    """Delete for good what is in the trash of `user`; return how many pictures were.

    One statement, however many they are; their files go in the background.
    """
    with transaction.atomic():
        lock_library(user_id=user.id)
        count, _rows = Image.objects.filter(user=user, deleted_at__isnull=False).delete()
        if count:
            target = f"the whole trash: {count}"
            record_act(act=Act.IMAGE_DELETED, user_id=user.id, actor_id=user.id, target=target)
    return count


def empty_trashes() -> int:
    """Delete for good what has been in anybody's trash for 30 days; return how many were.

    A batch at a time, each looked for anew.
    """
    purged = 0
    while batch := _purge_some():
        purged += batch
    return purged


def _purge_some() -> int:
    with service_scope("find trash past its time"):
        past = Image.objects.filter(deleted_at__lt=timezone.now() - TRASH_KEPT)
        oldest = past.order_by("deleted_at")[:PICTURES_A_BATCH]
        found = list(oldest.values_list("user_id", "image_name"))
    names: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    for user_id, name in found:
        names[user_id].append(name)
    purged = 0
    for user_id, theirs in names.items():
        with tenant_scope(user_id):
            purged += len(purge_images(user_id=user_id, names=theirs, actor_id=None))
    return purged


def change_images(
    *,
    user: User,
    names: Collection[uuid.UUID],
    change: Callable[[QuerySet[Image]], object],
) -> set[uuid.UUID]:
    """Apply `change` to those of `names` that `user` has, all or none; return which these are."""
    with transaction.atomic():
        lock_library(user_id=user.id)
        rows = Image.objects.filter(user=user, image_name__in=names)
        found = set(rows.values_list("image_name", flat=True))
        change(rows)
    return found
