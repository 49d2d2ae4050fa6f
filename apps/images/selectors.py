"""Reads on pictures."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.core.files.storage import default_storage
from django.db.models import QuerySet

from apps.accounts.models import User
from apps.core.errors import NotFound
from apps.images.listed import ListedImage, read_listed
from apps.images.models import Image, StorageUse
from apps.images.storage import THUMBNAIL_SIZES, image_key, thumbnail_key

FULL = "full"


def list_images(*, user: User) -> QuerySet[Image]:
    """List the pictures of `user`, newest first, without those in the trash."""
    shown = Image.objects.filter(user=user, deleted_at=None, is_intermediate=False)
    return shown.order_by("-created_at", "-id")


def list_trash(*, user: User) -> QuerySet[Image]:
    """List the pictures that `user` threw away, the latest first."""
    thrown = Image.objects.filter(user=user, deleted_at__isnull=False)
    return thrown.order_by("-deleted_at", "-id")


@dataclass(frozen=True, slots=True)
class TrashPage:
    """Pictures in the trash, and where the list goes on; empty at its end."""

    images: list[Image]
    next: str


def trash_page(*, user: User, size: int, after: str = "") -> TrashPage:
    """Return what `user` threw away, the latest first, from the `next` of a page on; one query.

    Raises:
        NotFound: there is no such page.
    """
    trash = list_trash(user=user)
    if after:
        deleted_at, image_id = _trash_place(after)
        trash = trash.filter(deleted_at__lte=deleted_at)
        trash = trash.exclude(deleted_at=deleted_at, id__gte=image_id)
    found = list(trash[: size + 1])
    images = found[:size]
    return TrashPage(images, _place_text(images[-1]) if len(found) > size else "")


def _place_text(image: Image) -> str:
    return f"{image.deleted_at:%Y%m%dT%H%M%S.%fZ}_{image.id}"


def _trash_place(text: str) -> tuple[datetime, uuid.UUID]:
    moment, _underscore, image_id = text.partition("_")
    try:
        deleted_at = datetime.strptime(moment, "%Y%m%dT%H%M%S.%f%z")
        return deleted_at, uuid.UUID(image_id)
    except ValueError as error:
        raise NotFound from error


def get_image(*, user_id: uuid.UUID, image_name: uuid.UUID) -> Image:
    """Return a picture of a user.

    Raises:
        NotFound: there is none of that name, or it is somebody else's.
    """
    # Without the documents of many kilobytes that nobody asks it for.
    images = Image.objects.defer("workflow", "graph")
    image = images.filter(user=user_id, image_name=image_name).first()
    if image is None:
        raise NotFound
    return image


def missing_images(*, user_id: uuid.UUID, names: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return which of `names` are no pictures of a user; one query, and none for no names."""
    if not names:
        return set()
    own = Image.objects.filter(user=user_id, image_name__in=names)
    return set(names) - set(own.values_list("image_name", flat=True))


def get_listed_image(*, user_id: uuid.UUID, image_name: uuid.UUID) -> ListedImage:
    """Return a picture of a user that is not in the trash, as lists have it.

    Raises:
        NotFound: there is none of that name, it is thrown away, or somebody else's.
    """
    where = "user_id = %s AND image_name = %s AND deleted_at IS NULL"
    found = read_listed(where, [user_id, image_name])
    if not found:
        raise NotFound
    return found[0]


def stored_bytes(*, user_id: uuid.UUID) -> int:
    """Return the bytes that the pictures of a user take."""
    used = StorageUse.objects.filter(user=user_id).values_list("stored_bytes", flat=True).first()
    return used or 0


def picture_counts(*, user_id: uuid.UUID) -> dict[str, int]:
    """Return how many pictures a user has, how many of them on no board, and in the trash."""
    names = ("image_count", "loose_count", "trash_count")
    found = StorageUse.objects.filter(user=user_id).values(*names).first()
    return dict(found) if found else dict.fromkeys(names, 0)


def read_file(*, image: Image) -> bytes:
    """Return the PNG of `image`.

    Raises:
        NotFound: the file is gone.
    """
    return _read(image.s3_key)


def read_thumbnail(*, image: Image, size: int) -> bytes:
    """Return the WebP thumbnail of `image`; `size` is one of `THUMBNAIL_SIZES`.

    Raises:
        NotFound: there is no such size, or the file is gone.
    """
    if size not in THUMBNAIL_SIZES:
        raise NotFound
    return _read(thumbnail_key(user_id=image.user_id, image_name=image.image_name, size=size))


def read_variant(*, user_id: uuid.UUID, image_name: uuid.UUID, variant: str) -> bytes:
    """Return a file of a picture without looking at its row: `FULL`, or a size of thumbnails.

    Raises:
        NotFound: there is no such variant, or the file is gone.
    """
    return _read(variant_key(user_id=user_id, image_name=image_name, variant=variant))


def variant_key(*, user_id: uuid.UUID, image_name: uuid.UUID, variant: str) -> str:
    """Return the storage key of a file of a picture: `FULL`, or a size of thumbnails.

    Raises:
        NotFound: there is no such variant.
    """
    if variant == FULL:
        return image_key(user_id=user_id, image_name=image_name)
    sizes = {str(size): size for size in THUMBNAIL_SIZES}
    if variant not in sizes:
        raise NotFound
    return thumbnail_key(user_id=user_id, image_name=image_name, size=sizes[variant])


def _read(key: str) -> bytes:
    try:
        with default_storage.open(key) as file:
            return bytes(file.read())
    except FileNotFoundError as error:
        raise NotFound from error
