"""Pages of pictures: opaque cursors that mean a place in the list, not a number of rows."""

import base64
import binascii
import json
import uuid
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.core.errors import Invalid
from apps.images.listed import ListedImage
from apps.images.models import MAX_RATING
from apps.images.search import Filters, Order, Place, find_images, mark_places

_RATINGS = range(MAX_RATING + 1)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Go on after a place, or before it if `backwards`; good for lists of this order alone."""

    order: Order
    place: Place
    backwards: bool = False

    def to_text(self) -> str:
        place = self.place
        parts = [self.order, place.created_at.isoformat(), str(place.id), place.rating]
        text = json.dumps([*parts, int(self.backwards)], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def from_text(cls, text: str, *, order: Order) -> "Cursor":
        """Read a cursor that a client sent.

        Raises:
            Invalid: it is none of ours, or of a list in another order.
        """
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            kind, created_at, image_id, rating, backwards = json.loads(raw)
            place = Place(
                created_at=datetime.fromisoformat(created_at),
                id=uuid.UUID(image_id),
                rating=int(rating),
            )
        except (binascii.Error, TypeError, ValueError, RecursionError, OverflowError) as error:
            raise _not_ours() from error
        if kind != order or place.created_at.tzinfo is None or place.rating not in _RATINGS:
            raise _not_ours()
        return cls(order=order, place=place, backwards=bool(backwards))


def _not_ours() -> Invalid:
    return Invalid(fields={"cursor": [_("Take a cursor from the list as it is, or leave it out.")]})


@dataclass(frozen=True, slots=True)
class ImagePage:
    """A page, and the cursors of those beside it."""

    images: list[ListedImage]
    next: Cursor | None
    previous: Cursor | None


def list_page(
    *, user: User, filters: Filters, order: Order, size: int, cursor: Cursor | None = None
) -> ImagePage:
    """Return the page at `cursor`, or the first."""
    backwards = cursor is not None and cursor.backwards
    found = find_images(
        user=user,
        filters=filters,
        order=order,
        # One more tells whether the list goes on.
        size=size + 1,
        after=None if cursor is None else cursor.place,
        backwards=backwards,
    )
    goes_on = len(found) > size
    images = found[-size:] if backwards else found[:size]
    if not images:
        return ImagePage(images=[], next=None, previous=None)
    has_next, has_previous = (True, goes_on) if backwards else (goes_on, cursor is not None)
    last, first = Place.of(images[-1]), Place.of(images[0])
    return ImagePage(
        images=images,
        next=Cursor(order, last) if has_next else None,
        previous=Cursor(order, first, backwards=True) if has_previous else None,
    )


@dataclass(frozen=True, slots=True)
class Outline:
    """Where the next pages of a list begin; `goes_on` after the last of them."""

    cursors: list[Cursor]
    length: int
    goes_on: bool


# A stretch is some hundred pages of the index.
PAGES_A_STRETCH = 200


def outline_list(
    *, user: User, filters: Filters, order: Order, size: int, cursor: Cursor | None = None
) -> Outline:
    """Return where pages of `size` pictures begin after the one at `cursor`, or after the first."""
    most = size * PAGES_A_STRETCH
    stretch = mark_places(
        user=user,
        filters=filters,
        order=order,
        stride=size,
        most=most,
        after=None if cursor is None else cursor.place,
    )
    return Outline(
        cursors=[Cursor(order, place) for place in stretch.places],
        length=stretch.length,
        goes_on=stretch.length == most,
    )
