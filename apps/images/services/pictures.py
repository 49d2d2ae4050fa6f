"""Store pictures and their rows: files first, then the row that names them."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import IO, Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from PIL import Image as PillowImage

from apps.accounts.models import User
from apps.core.storage import file_store
from apps.images.files import encode_png, encode_thumbnail
from apps.images.kept_lists import note_library_change
from apps.images.models import Image, ImageCategory, ImageOrigin
from apps.images.placeholders import placeholder_of
from apps.images.storage import THUMBNAIL_SIZES, file_keys, image_key, thumbnail_key
from apps.images.uploads import read_upload
from apps.plans.entitlements import Feature, check, decide, entitlements_of
from apps.plans.storage import used_bytes

# A picture's files are encoded and written side by side: each waits for the disk or for S3. The
# threads stay, since each has an S3 client of its own.
_writers = ThreadPoolExecutor(1 + len(THUMBNAIL_SIZES), thread_name_prefix="files")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPicture:
    """A picture whose files are written and whose row is not yet.

    What is None is as of every result of its job: its place there, and the board for new pictures.
    """

    image_name: uuid.UUID
    width: int
    height: int
    file_size_bytes: int
    metadata: Mapping[str, Any]
    placeholder: str
    node_id: str | None = None
    board_id: uuid.UUID | None = None
    workflow: Mapping[str, Any] | None = None
    graph: Mapping[str, Any] | None = None


def store_picture(
    *,
    user_id: uuid.UUID,
    image_name: uuid.UUID,
    picture: PillowImage.Image,
    metadata: Mapping[str, Any],
    graph: Mapping[str, Any] | None = None,
) -> StoredPicture:
    """Write the PNG and the thumbnails of `picture`; the same name writes the same files.

    The `graph` of a workflow that made it is written into the PNG beside the metadata.
    """
    key = image_key(user_id=user_id, image_name=image_name)
    writes = [
        _writers.submit(_write, [key], partial(encode_png, picture, metadata=metadata, graph=graph))
    ]
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
        placeholder=placeholder_of(picture),
        graph=graph,
    )


def add_results(
    *,
    user_id: uuid.UUID,
    job_id: uuid.UUID,
    pictures: Iterable[tuple[int, StoredPicture]],
    board_id: uuid.UUID | None = None,
) -> list[Image]:
    """Insert the rows of a job's stored pictures, each with its place in the batch."""
    note_library_change(user_id)
    return Image.objects.bulk_create(
        Image(
            user_id=user_id,
            image_name=stored.image_name,
            image_origin=ImageOrigin.INTERNAL,
            image_category=ImageCategory.GENERAL,
            session_id=job_id,
            node_id=str(index) if stored.node_id is None else stored.node_id,
            board_id=stored.board_id or board_id,
            width=stored.width,
            height=stored.height,
            file_size_bytes=stored.file_size_bytes,
            metadata=dict(stored.metadata),
            placeholder=stored.placeholder,
            workflow=stored.workflow,
            graph=stored.graph,
            has_workflow=stored.workflow is not None,
            s3_key=image_key(user_id=user_id, image_name=stored.image_name),
            s3_thumbnail_key=thumbnail_key(user_id=user_id, image_name=stored.image_name),
        )
        for index, stored in pictures
    )


def upload_image(*, user: User, file: IO[bytes], is_intermediate: bool = False) -> Image:
    """Keep an uploaded picture, decoded and encoded anew so that nothing else comes with it.

    An intermediate one is only for jobs: no list shows it, and after a week it goes.

    What the file tells about how it was made is kept as metadata, checked.

    Raises:
        Invalid: it is not a whole PNG, JPEG, WebP or AVIF within the limits, and only that.
        Forbidden: the plan is paused, or its storage would be more than full.
        RateLimited: too many pictures are being decoded already.
    """
    has = entitlements_of(user_id=user.id)
    check(decide(has, feature=Feature.GENERATION))
    check(decide(has, feature=Feature.STORAGE, used_bytes=used_bytes(user_id=user.id) + 1))
    upload = read_upload(file, max_pixels=settings.EASEL_UPLOAD_MAX_PIXELS)
    metadata = upload.parameters.metadata if upload.parameters else {}
    workflow = upload.parameters.workflow if upload.parameters else None
    name = uuid.uuid4()
    stored = store_picture(
        user_id=user.id, image_name=name, picture=upload.picture, metadata=metadata
    )
    try:
        with transaction.atomic():
            note_library_change(user.id)
            image = Image.objects.create(
                user=user,
                image_name=name,
                image_origin=ImageOrigin.EXTERNAL,
                image_category=ImageCategory.USER,
                is_intermediate=is_intermediate,
                width=stored.width,
                height=stored.height,
                file_size_bytes=stored.file_size_bytes,
                metadata=metadata,
                placeholder=stored.placeholder,
                workflow=workflow,
                has_workflow=workflow is not None,
                s3_key=image_key(user_id=user.id, image_name=name),
                s3_thumbnail_key=thumbnail_key(user_id=user.id, image_name=name),
            )
            # Counted with this one; whoever uploads at the same moment waits for its end.
            used = used_bytes(user_id=user.id)
            check(decide(has, feature=Feature.STORAGE, used_bytes=used))
    except BaseException:
        delete_files(user_id=user.id, image_name=name)
        raise
    return image


def delete_files(*, user_id: uuid.UUID, image_name: uuid.UUID) -> None:
    """Delete every file of a picture; files that are gone already are no error."""
    file_store.delete_many(file_keys(user_id=user_id, image_name=image_name))


def _write(keys: Sequence[str], encode: Callable[[], bytes]) -> int:
    content = encode()
    for key in keys:
        default_storage.save(key, ContentFile(content))
    return len(content)
