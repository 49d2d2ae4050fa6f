"""Writes on pictures: files first, then the row that names them."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import IO, Any

import structlog
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Exists, OuterRef
from PIL import Image as PillowImage

from apps.accounts.models import User
from apps.core.audit import record_act
from apps.core.models import Act
from apps.core.tenancy import service_scope
from apps.images.files import encode_png, encode_thumbnail
from apps.images.models import Image, ImageCategory, ImageOrigin, StorageUse
from apps.images.selectors import get_image, stored_bytes
from apps.images.storage import THUMBNAIL_SIZES, file_keys, image_key, thumbnail_key
from apps.images.uploads import read_upload
from apps.plans.entitlements import Feature, check, decide, entitlements_of
from apps.plans.models import NoticeKind
from apps.plans.products import RETENTION_DAYS
from apps.plans.retention import (
    ended_plans_past_retention,
    ended_plans_to_announce,
    lock_end_of_plan,
    moment_text,
)
from apps.plans.services.notices import note

logger = structlog.get_logger(__name__)

USERS_A_SWEEP = 100
PICTURES_A_BATCH = 50

# A picture's files are encoded and written side by side: each waits for the disk or for S3. The
# threads stay, since each has an S3 client of its own.
_writers = ThreadPoolExecutor(1 + len(THUMBNAIL_SIZES), thread_name_prefix="files")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPicture:
    """A picture whose files are written and whose row is not yet."""

    image_name: uuid.UUID
    width: int
    height: int
    file_size_bytes: int
    metadata: Mapping[str, Any]


def store_picture(
    *,
    user_id: uuid.UUID,
    image_name: uuid.UUID,
    picture: PillowImage.Image,
    metadata: Mapping[str, Any],
) -> StoredPicture:
    """Write the PNG and the thumbnails of `picture`; the same name writes the same files."""
    key = image_key(user_id=user_id, image_name=image_name)
    writes = [_writers.submit(_write, [key], partial(encode_png, picture, metadata=metadata))]
    # A picture smaller than its thumbnails looks the same in all of them.
    thumbnails: dict[int, list[str]] = defaultdict(list)
    for size in THUMBNAIL_SIZES:
        key = thumbnail_key(user_id=user_id, image_name=image_name, size=size)
        thumbnails[min(size, max(picture.size))].append(key)
    for size, keys in thumbnails.items():
        writes.append(_writers.submit(_write, keys, partial(encode_thumbnail, picture, size=size)))
    wait(writes)
    sizes = [write.result() for write in writes]
    return StoredPicture(
        image_name=image_name,
        width=picture.width,
        height=picture.height,
        file_size_bytes=sizes[0],
        metadata=metadata,
    )


def add_results(
    *, user_id: uuid.UUID, job_id: uuid.UUID, pictures: Iterable[tuple[int, StoredPicture]]
) -> list[Image]:
    """Insert the rows of a job's stored pictures, each with its place in the batch."""
    return Image.objects.bulk_create(
        Image(
            user_id=user_id,
            image_name=stored.image_name,
            image_origin=ImageOrigin.INTERNAL,
            image_category=ImageCategory.GENERAL,
            session_id=job_id,
            node_id=str(index),
            width=stored.width,
            height=stored.height,
            file_size_bytes=stored.file_size_bytes,
            metadata=dict(stored.metadata),
            s3_key=image_key(user_id=user_id, image_name=stored.image_name),
            s3_thumbnail_key=thumbnail_key(user_id=user_id, image_name=stored.image_name),
        )
        for index, stored in pictures
    )


def upload_image(*, user: User, file: IO[bytes]) -> Image:
    """Keep an uploaded picture, decoded and encoded anew so that nothing else comes with it.

    What the file tells about how it was made is kept as metadata, checked.

    Raises:
        Invalid: it is not a whole PNG, JPEG, WebP or AVIF within the limits, and only that.
        Forbidden: the plan is paused, or its storage would be more than full.
        RateLimited: too many pictures are being decoded already.
    """
    has = entitlements_of(user_id=user.id)
    check(decide(has, feature=Feature.GENERATION))
    check(decide(has, feature=Feature.STORAGE, used_bytes=stored_bytes(user_id=user.id) + 1))
    upload = read_upload(file, max_pixels=settings.EASEL_UPLOAD_MAX_PIXELS)
    metadata = upload.parameters.metadata if upload.parameters else {}
    workflow = upload.parameters.workflow if upload.parameters else None
    name = uuid.uuid4()
    stored = store_picture(
        user_id=user.id, image_name=name, picture=upload.picture, metadata=metadata
    )
    try:
        with transaction.atomic():
            image = Image.objects.create(
                user=user,
                image_name=name,
                image_origin=ImageOrigin.EXTERNAL,
                image_category=ImageCategory.USER,
                width=stored.width,
                height=stored.height,
                file_size_bytes=stored.file_size_bytes,
                metadata=metadata,
                workflow=workflow,
                has_workflow=workflow is not None,
                s3_key=image_key(user_id=user.id, image_name=name),
                s3_thumbnail_key=thumbnail_key(user_id=user.id, image_name=name),
            )
            # Counted with this one; whoever uploads at the same moment waits for its end.
            used = stored_bytes(user_id=user.id)
            check(decide(has, feature=Feature.STORAGE, used_bytes=used))
    except BaseException:
        delete_files(user_id=user.id, image_name=name)
        raise
    return image


def delete_image(*, user: User, image_name: uuid.UUID) -> None:
    """Delete a picture of `user`, its row and then its files.

    Raises:
        NotFound: there is none of that name, or it is somebody else's.
    """
    with transaction.atomic():
        image = get_image(user_id=user.id, image_name=image_name)
        image.delete()
        record_act(act=Act.IMAGE_DELETED, user_id=user.id, actor_id=user.id, target=str(image_name))
        transaction.on_commit(lambda: delete_files(user_id=user.id, image_name=image_name))


def delete_files(*, user_id: uuid.UUID, image_name: uuid.UUID) -> None:
    """Delete every file of a picture; files that are gone already are no error."""
    for key in file_keys(user_id=user_id, image_name=image_name):
        default_storage.delete(key)


def _write(keys: Sequence[str], encode: Callable[[], bytes]) -> int:
    content = encode()
    for key in keys:
        default_storage.save(key, ContentFile(content))
    return len(content)


def note_pictures_that_will_go() -> int:
    """Have the users told whose pictures go soon, since they are on no plan any more."""
    with service_scope("find pictures that go soon"):
        theirs = Image.objects.filter(user=OuterRef("user"))
        found = list(ended_plans_to_announce().filter(Exists(theirs))[:USERS_A_SWEEP])
    return sum(
        note(
            user_id=plan.user_id,
            kind=NoticeKind.PICTURES_WILL_GO,
            key=moment_text(plan.valid_until),
            facts={"plan": plan.plan},
        )
        for plan in found
        if plan.valid_until is not None
    )


def delete_pictures_past_retention() -> int:
    """Delete the pictures of users who are on no plan for too long; return how many."""
    with service_scope("find pictures past retention"):
        theirs = Image.objects.filter(user=OuterRef("user"))
        found = list(ended_plans_past_retention().filter(Exists(theirs))[:USERS_A_SWEEP])
    deleted = 0
    for plan in found:
        try:
            deleted += delete_all_of(user_id=plan.user_id)
        except Exception:
            # The store was away, say: the others' turn comes all the same, and this one's again.
            logger.exception("retention_failed", user_id=str(plan.user_id))
    return deleted


def delete_all_of(*, user_id: uuid.UUID) -> int:
    """Delete all pictures of a user whose plan has ended, as long as that is so.

    A batch at a time, each looked at anew, so that it can stop anywhere and be called again.
    Returns how many were deleted.
    """
    deleted = 0
    while batch := _delete_some_of(user_id):
        deleted += batch
    if deleted:
        logger.info("pictures_deleted_past_retention", user_id=str(user_id), count=deleted)
    return deleted


def _delete_some_of(user_id: uuid.UUID) -> int:
    with service_scope("delete pictures past retention"):
        if not lock_end_of_plan(user_id=user_id) or not _lock_storage_use(user_id):
            return 0
        images = Image.objects.filter(user=user_id).order_by("created_at", "id")
        batch = list(images.select_for_update(skip_locked=True, of=("self",))[:PICTURES_A_BATCH])
        # The files first: if this is cut short the rows are left, and say what is still to go.
        for image in batch:
            delete_files(user_id=user_id, image_name=image.image_name)
        if batch:
            Image.objects.filter(id__in=[image.id for image in batch]).delete()
            record_act(
                act=Act.IMAGE_DELETED,
                user_id=user_id,
                actor_id=None,
                target=f"{len(batch)} pictures, {RETENTION_DAYS} days after the end of the plan",
            )
    return len(batch)


def _lock_storage_use(user_id: uuid.UUID) -> bool:
    """Lock what the deletion counts down; an upload has it, and later wants what we have locked."""
    uses = StorageUse.objects.filter(user=user_id)
    free = uses.select_for_update(skip_locked=True, of=("self",)).values_list("id")
    return len(free) == uses.count()
