"""What lists and clients see of pictures, read without the weight of rows that could be saved."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from django.db import connections

from apps.core.replica import reading_alias


class ListedImage(NamedTuple):
    """A picture as it is listed: fields of `Image` by their names, without its large documents."""

    id: uuid.UUID
    user_id: uuid.UUID
    image_name: uuid.UUID
    image_origin: str
    image_category: str
    session_id: uuid.UUID | None
    width: int
    height: int
    file_size_bytes: int
    starred: bool
    rating: int
    note: str
    tags: list[str]
    board_id: uuid.UUID | None
    placeholder: str
    deleted_at: datetime | None
    has_workflow: bool
    created_at: datetime
    metadata: dict[str, Any]


# As the database has them: Django would build the statement and a hundred objects anew each time,
# which takes longer than PostgreSQL does.
_SELECT = f"SELECT {', '.join(ListedImage._fields)} FROM images_image WHERE "  # noqa: S608  # nosec B608


def read_listed(where: str, parameters: Sequence[Any]) -> list[ListedImage]:
    """Read the pictures that `where`, in SQL of ours, is true of; one query."""
    return [
        ListedImage._make((*row[:-1], orjson.loads(row[-1])))
        for row in read_rows(_SELECT + where, parameters)
    ]


def read_rows(query: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run a query of ours where lists are read from."""
    with connections[reading_alias()].cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())
