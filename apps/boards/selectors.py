"""Reads on boards."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, tzinfo

from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, TruncDate

from apps.accounts.models import User
from apps.boards.models import Board
from apps.core.errors import NotFound
from apps.images.models import HourCount, Image


@dataclass(frozen=True, slots=True)
class Day:
    """A board that nobody made: the pictures of a day."""

    day: date
    image_count: int


# The user's own order; boards without a place in it come first, the newest on top.
IN_ORDER = ("position", "-created_at", "-id")


def list_boards(*, user: User, archived: bool | None = False) -> QuerySet[Board]:
    """List the boards of `user` in their order, with the names of their covers; one query.

    Those that are `archived`, those that are not, or all for `None`. A cover is the picture that
    was chosen, if it is still there, or else the newest.
    """
    boards = Board.objects.filter(user=user)
    if archived is not None:
        boards = boards.filter(is_archived=archived)
    return with_covers(boards).order_by(*IN_ORDER)


def board_names(*, user: User) -> QuerySet[Board]:
    """List the boards of `user` that are not archived by their names alone."""
    boards = Board.objects.filter(user=user, is_archived=False)
    return boards.only("id", "name").order_by(*IN_ORDER)


def get_board(*, user: User, board_id: uuid.UUID) -> Board:
    """Return a board of `user` with its cover.

    Raises:
        NotFound: `user` has no such board.
    """
    board = with_covers(Board.objects.filter(user=user, id=board_id)).first()
    if board is None:
        raise NotFound
    return board


def auto_add_board_id(*, user_id: uuid.UUID) -> uuid.UUID | None:
    """Return the board that new pictures of a user go to, if there is one."""
    boards = Board.objects.filter(user=user_id, is_auto_add=True)
    return boards.values_list("id", flat=True).first()


def boards_still_there(*, user_id: uuid.UUID, ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return those of the ids that are boards of a user."""
    return set(Board.objects.filter(user=user_id, id__in=ids).values_list("id", flat=True))


def list_days(*, user: User, zone: tzinfo) -> list[Day]:
    """Count the pictures of `user` by the days of a time zone, newest first.

    Of zones whose offset is no whole hour, such as India's, a day begins with its first whole
    hour of UTC.
    """
    hours = HourCount.objects.filter(user=user, image_count__gt=0)
    days = hours.values(day=TruncDate("hour", tzinfo=zone)).annotate(total=Sum("image_count"))
    return [Day(day=row["day"], image_count=row["total"]) for row in days.order_by("-day")]


def with_covers(boards: QuerySet[Board]) -> QuerySet[Board]:
    """Add to each of `boards` the name of its cover, as `cover`."""
    shown = Image.objects.filter(
        user=OuterRef("user"), board_id=OuterRef("id"), deleted_at=None, is_intermediate=False
    )
    chosen = shown.filter(image_name=OuterRef("cover_name"))
    newest = shown.order_by("-created_at", "-id")
    return boards.annotate(
        cover=Coalesce(
            Subquery(chosen.values("image_name")[:1]), Subquery(newest.values("image_name")[:1])
        ),
    )
