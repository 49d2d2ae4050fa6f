"""Write and forget the files of canvases: a file before its row, and after it."""

import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.canvas.models import CanvasFile
from apps.canvas.selectors import get_document
from apps.canvas.storage import file_key
from apps.canvas.uploads import read_layer
from apps.core.storage import file_store
from apps.plans.entitlements import Feature, check, decide, entitlements_of
from apps.plans.storage import used_bytes


def upload_layer(*, user: User, document_id: uuid.UUID, file: IO[bytes]) -> CanvasFile:
    """Keep the pixels of a layer until a save names them, or for a day.

    Raises:
        NotFound: `user` has no such canvas.
        Invalid: it is not a whole PNG within the limits, and only that.
        Forbidden: the plan is paused, or its storage would be more than full.
        RateLimited: too many pictures are being decoded already.
    """
    get_document(user=user, document_id=document_id)
    require_room(user_id=user.id)
    content, (width, height) = read_layer(file, max_pixels=settings.EASEL_UPLOAD_MAX_PIXELS)
    stored = write_file(
        user_id=user.id, document_id=document_id, content=content, width=width, height=height
    )
    stored.unnamed_at = timezone.now()
    with kept_files([stored]), transaction.atomic():
        lock_canvases(user_id=user.id)
        # It may have gone meanwhile.
        get_document(user=user, document_id=document_id)
        stored.save(force_insert=True)
        require_room(user_id=user.id, more=0)
    return stored


def require_room(*, user_id: uuid.UUID, more: int = 1) -> None:
    """Refuse a user whose plan is paused, or whose storage is full with `more` bytes.

    Raises:
        Forbidden: so it is.
    """
    has = entitlements_of(user_id=user_id)
    check(decide(has, feature=Feature.GENERATION))
    used = used_bytes(user_id=user_id) + more
    check(decide(has, feature=Feature.STORAGE, used_bytes=used))


def write_file(
    *, user_id: uuid.UUID, document_id: uuid.UUID, content: bytes, width: int, height: int
) -> CanvasFile:
    """Write a PNG, and return the row that is still to be inserted."""
    name = uuid.uuid4()
    key = file_key(user_id=user_id, document_id=document_id, name=name)
    default_storage.save(key, ContentFile(content))
    return CanvasFile(
        user_id=user_id,
        document_id=document_id,
        name=name,
        width=width,
        height=height,
        file_size_bytes=len(content),
    )


@contextmanager
def kept_files(files: Iterable[CanvasFile]) -> Iterator[None]:
    """Delete written files again if the block, which inserts their rows, fails."""
    try:
        yield
    except BaseException:
        file_store.delete_many(_keys_of(files))
        raise


def delete_files(files: Iterable[CanvasFile]) -> int:
    """Delete rows now and their files once that is committed; return how many.

    If the store is away then, the sweep finds files without a row.
    """
    gone = list(files)
    if gone:
        CanvasFile.objects.filter(id__in=[file.id for file in gone]).delete()
        on_commit_delete(_keys_of(gone))
    return len(gone)


def on_commit_delete(keys: list[str]) -> None:
    """Delete files when the transaction commits."""
    delete: Callable[[], None] = partial(file_store.delete_many, keys)
    transaction.on_commit(delete, robust=True)


def lock_canvases(*, user_id: uuid.UUID) -> None:
    """Let no other change of a user's canvases count or add rows until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"canvases:{user_id}"]
        )


def _keys_of(files: Iterable[CanvasFile]) -> list[str]:
    return [
        file_key(user_id=file.user_id, document_id=file.document_id, name=file.name)
        for file in files
    ]
