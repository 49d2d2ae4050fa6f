"""Find pictures: any filters together, in any order, page by page.

A page is found by an index that holds all that can be filtered by, so nothing is read of the
table but the pictures that are shown. Words are looked up in an index of letter pairs first: few
hits are sorted as they are. A word that many pictures have is met soon by walking the list, where
`word_bits` say of most others that they cannot have it.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from apps.accounts.models import User
from apps.images.listed import ListedImage, read_listed, read_rows

# More hits of the words than these are too many to be read and sorted.
MOST_HITS = 400
_SHOWN = "deleted_at IS NULL AND NOT is_intermediate"
_TEXT = "coalesce(metadata ->> 'prompt', '') || E'\\n' || note"
_BITS = "(SELECT easel_word_bits(easel_grams_of(%s)))"


class Order(StrEnum):
    """What comes first; ties are broken by time and id, so that each has its place."""

    NEWEST = "newest"
    OLDEST = "oldest"
    RATING = "rating"


_KEYS = {
    Order.NEWEST: ("created_at", "id"),
    Order.OLDEST: ("created_at", "id"),
    Order.RATING: ("rating", "created_at", "id"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What pictures must be like; what is left out does not matter.

    `board` is a board's id, or `LOOSE` for those in none. `like` is the settings digest of a
    picture. A picture has all of `words` in its prompt or note, as parts of words too.
    """

    words: Sequence[str] = ()
    model: str = ""
    lora: str = ""
    category: str = ""
    tags: Sequence[str] = ()
    board: uuid.UUID | str | None = None
    starred: bool | None = None
    rating_from: int | None = None
    width: int | None = None
    height: int | None = None
    seed: int | None = None
    like: int | None = None
    since: datetime | None = None
    until: datetime | None = None


LOOSE = "none"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after the picture with these values, in the order of the list."""

    created_at: datetime
    id: uuid.UUID
    rating: int = 0

    @classmethod
    def of(cls, image: ListedImage) -> "Place":
        return cls(created_at=image.created_at, id=image.id, rating=image.rating)


def find_images(
    *,
    user: User,
    filters: Filters,
    order: Order,
    size: int,
    after: Place | None = None,
    backwards: bool = False,
) -> list[ListedImage]:
    """Return the `size` pictures of `user` that come next, or before `after` if `backwards`.

    In the order of the list either way. One query; two if there are words.
    """
    line = _Line(user=user, order=order, is_reversed=backwards, size=size)
    where = _conditions(filters)
    if after is not None:
        where.add(line.beyond, *(getattr(after, key) for key in line.keys))
    hits = line.find_hits(where, filters.words) if filters.words else None
    if hits is None:
        ids, parameters = line.walk(where, filters.words)
    else:
        ids, parameters = "SELECT unnest(%s::uuid[])", [hits]
    found = read_listed(
        f"user_id = %s AND id IN ({ids}) ORDER BY {line.sort}", [user.id, *parameters]
    )
    return found[::-1] if backwards else found


@dataclass(frozen=True, slots=True)
class Stretch:
    """Part of a list: each of its places where a page ends, and how many pictures it has."""

    places: Sequence[Place]
    length: int


def mark_places(
    *,
    user: User,
    filters: Filters,
    order: Order,
    stride: int,
    most: int,
    after: Place | None = None,
) -> Stretch:
    """Return every `stride`-th place among the `most` pictures that come next; one query.

    It reads the index alone. For lists without words: these are not all in the index.
    """
    line = _Line(user=user, order=order, is_reversed=False, size=most)
    where = _conditions(filters)
    if after is not None:
        where.add(line.beyond, *(getattr(after, key) for key in line.keys))
    keys = ", ".join(line.keys)
    listed, parameters = line.listing(where, keys)
    query = f"""
        SELECT {keys}, number FROM (
            SELECT {keys}, row_number() OVER (ORDER BY {line.sort}) AS number,
                count(*) OVER () AS length
            FROM ({listed} ORDER BY {line.sort} LIMIT %s) listed
        ) numbered
        WHERE number %% %s = 0 OR number = length ORDER BY number
    """  # noqa: S608  # nosec B608
    rows = read_rows(query, [*parameters, most, stride])
    places = [
        Place(**dict(zip(line.keys, values, strict=True)))
        for *values, number in rows
        if number % stride == 0
    ]
    return Stretch(places=places, length=rows[-1][-1] if rows else 0)


def settings_digest_of(*, user: User, image_name: uuid.UUID) -> int | None:
    """Return what pictures have in common that differ from this one by their seeds alone."""
    rows = read_rows(
        "SELECT settings_digest FROM images_image WHERE user_id = %s AND image_name = %s",
        [user.id, image_name],
    )
    return rows[0][0] if rows else None


@dataclass(frozen=True, slots=True)
class _Line:
    """The pictures of a user one after another."""

    user: User
    order: Order
    is_reversed: bool
    size: int

    @property
    def keys(self) -> tuple[str, ...]:
        return _KEYS[self.order]

    @property
    def falls(self) -> bool:
        return (self.order != Order.OLDEST) != self.is_reversed

    @property
    def sort(self) -> str:
        return ", ".join(f"{key} {'DESC' if self.falls else 'ASC'}" for key in self.keys)

    @property
    def beyond(self) -> str:
        """Return the condition for what comes after a place, to be given the place's values."""
        marks = ", ".join(["%s"] * len(self.keys))
        return f"({', '.join(self.keys)}) {'<' if self.falls else '>'} ({marks})"

    def find_hits(self, where: "_Where", words: Sequence[str]) -> list[uuid.UUID] | None:
        """Look the words up; `None` if too many pictures have them."""
        query = f"""
            WITH hits AS MATERIALIZED (SELECT * FROM easel_find_words(%s, %s))
            SELECT
                (SELECT count(*) FROM hits),
                ARRAY(SELECT id FROM hits WHERE {where.text} ORDER BY {self.sort} LIMIT %s)
        """  # noqa: S608  # nosec B608 (only our own names are put in)
        parameters = [list(words), MOST_HITS + 1, *where.parameters, self.size]
        ((count, ids),) = read_rows(query, parameters)
        return list(ids) if count <= MOST_HITS else None

    def listing(self, where: "_Where", columns: str) -> tuple[str, list[Any]]:
        """Return the query for `columns` of all that is like `where`, in no order yet."""
        query = f"""
            SELECT {columns} FROM images_image
            WHERE user_id = %s AND {_SHOWN} AND {where.text}
        """  # noqa: S608  # nosec B608
        return query, [self.user.id, *where.parameters]

    def walk(self, where: "_Where", words: Sequence[str]) -> tuple[str, list[Any]]:
        """Return the query for the ids that walks the index until the page is full."""
        query, parameters = self.listing(where, ", ".join(self.keys) if words else "id")
        if words:
            # Most are left out by their bits, without a look at the table; OFFSET 0 keeps the
            # look out of the inner query, which would read every row for it. The order is the
            # inner query's alone: one outside would make PostgreSQL plan for all of its rows. The
            # bits can be no more than those asked for; of "at least" it expects more than of "=",
            # and takes the index that has them in their order.
            query = f"""
                SELECT id FROM (
                    {query} AND (word_bits & {_BITS}) >= {_BITS} ORDER BY {self.sort} OFFSET 0
                ) listed
                WHERE (
                    SELECT easel_has_words({_TEXT}, %s) FROM images_image image
                    WHERE image.user_id = %s AND image.id = listed.id
                )
            """  # noqa: S608  # nosec B608
            parameters += [list(words), list(words), list(words), self.user.id]
        else:
            query += f" ORDER BY {self.sort}"
        return f"{query} LIMIT %s", [*parameters, self.size]


@dataclass(slots=True)
class _Where:
    """Conditions and their values."""

    conditions: list[str] = field(default_factory=list)
    parameters: list[Any] = field(default_factory=list)

    def add(self, condition: str, *parameters: Any) -> None:
        self.conditions.append(condition)
        self.parameters += parameters

    @property
    def text(self) -> str:
        return " AND ".join(self.conditions) or "true"


_FACETS = ("model", "lora", "category")
_COLUMNS = {
    "starred": "starred = %s",
    "width": "width = %s",
    "height": "height = %s",
    "seed": "seed = %s",
    "like": "settings_digest = %s",
    "rating_from": "rating >= %s",
    "since": "created_at >= %s",
    "until": "created_at < %s",
}


def _conditions(filters: Filters) -> _Where:
    where = _Where()
    facets = [(kind, getattr(filters, kind)) for kind in _FACETS]
    for kind, value in [*facets, *(("tag", tag) for tag in filters.tags)]:
        if value:
            where.add("facets @> ARRAY[easel_facet(%s, %s)]", kind, value)
    for name, condition in _COLUMNS.items():
        value = getattr(filters, name)
        if value is not None:
            where.add(condition, value)
    if filters.board == LOOSE:
        where.add("board_id IS NULL")
    elif filters.board is not None:
        where.add("board_id = %s", filters.board)
    return where
