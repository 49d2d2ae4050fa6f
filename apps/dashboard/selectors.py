"""What the pages show, read from the apps below."""

import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.catalog.serializers import render_models
from apps.core.errors import NotFound
from apps.images.models import Image
from apps.images.selectors import get_image, list_images

PAGE_SIZE = 48

# What a tile shows; the columns left out may each hold a document of many kilobytes.
_TILE_FIELDS = ("id", "image_name", "created_at", "image_origin", "metadata")

_FACT_NAMES = {
    "negative_prompt": _("Negative prompt"),
    "model_name": _("Model"),
    "seed": _("Seed"),
    "steps": _("Steps"),
    "scheduler_name": _("Scheduler"),
    "guidance_scale": _("Guidance scale"),
    "strength": _("Strength"),
}


@dataclass(frozen=True, slots=True)
class GalleryPage:
    """Some pictures, newest first, and where the next older ones begin."""

    images: Sequence[Image]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the table beside a picture; `name` and `value` are ready to be shown."""

    name: Any
    value: Any


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture with its facts and the names of its neighbours in the gallery."""

    image: Image
    facts: Sequence[Fact]
    newer: uuid.UUID | None
    older: uuid.UUID | None


def studio_models(*, user: User) -> list[dict[str, Any]]:
    """List the models that `user` can choose, in the JSON form of the API."""
    return render_models(user=user)


def gallery_page(*, user: User, cursor: str | None, size: int = PAGE_SIZE) -> GalleryPage:
    """Return the `size` pictures after `cursor`, or the newest ones; one query.

    Raises:
        NotFound: the cursor is not one of ours.
    """
    images = list_images(user=user).only(*_TILE_FIELDS)
    if cursor:
        images = _older_than(images, *_read_cursor(cursor))
    found = list(images[: size + 1])
    page = found[:size]
    return GalleryPage(
        images=page, next_cursor=_write_cursor(page[-1]) if len(found) > size else None
    )


def get_picture(*, user: User, image_name: uuid.UUID) -> Picture:
    """Return a picture of `user` with all that its page shows; three queries.

    Raises:
        NotFound: there is none of that name, or it is somebody else's.
    """
    image = get_image(user_id=user.id, image_name=image_name)
    images = list_images(user=user)
    newer = (
        images.filter(created_at__gte=image.created_at)
        .filter(Q(created_at__gt=image.created_at) | Q(id__gt=image.id))
        .order_by("created_at", "id")
    )
    older = _older_than(images, image.created_at, image.id)
    return Picture(
        image=image,
        facts=_facts(image),
        newer=newer.values_list("image_name", flat=True).first(),
        older=older.values_list("image_name", flat=True).first(),
    )


def _older_than(
    images: QuerySet[Image], created_at: datetime, image_id: uuid.UUID
) -> QuerySet[Image]:
    # The first condition alone lets the index on (user, created_at, id) start at the right row.
    return images.filter(created_at__lte=created_at).filter(
        Q(created_at__lt=created_at) | Q(id__lt=image_id)
    )


def _facts(image: Image) -> list[Fact]:
    metadata = image.metadata
    facts = [
        Fact(name, metadata[key])
        for key, name in _FACT_NAMES.items()
        if metadata.get(key) not in (None, "")
    ]
    facts.append(Fact(_("Size"), f"{image.width} × {image.height}"))
    seconds = metadata.get("compute_seconds")
    if seconds is not None:
        facts.append(Fact(_("Seconds"), f"{float(seconds):.1f}"))
    return facts


def _write_cursor(image: Image) -> str:
    return urlsafe_b64encode(f"{image.created_at.isoformat()}|{image.id}".encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, uuid.UUID]:
    try:
        created_at, _bar, image_id = urlsafe_b64decode(cursor).decode().partition("|")
        position = datetime.fromisoformat(created_at), uuid.UUID(image_id)
    except ValueError as error:
        raise NotFound from error
    if position[0].tzinfo is None:
        raise NotFound
    return position
