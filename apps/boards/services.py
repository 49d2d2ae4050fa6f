"""Writes on boards."""

import uuid
from collections.abc import Collection, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.boards.models import MAX_BOARDS, Board
from apps.boards.selectors import IN_ORDER, get_board
from apps.core.errors import Conflict, NotFound
from apps.images.models import Image
from apps.images.services.library import change_images, lock_library


def create_board(*, user: User, name: str, description: str = "") -> Board:
    """Make a board, the first in the order.

    Raises:
        Conflict: `user` has as many boards as one may have.
    """
    with transaction.atomic():
        lock_library(user_id=user.id)
        own = Board.objects.filter(user=user)
        if own.count() >= MAX_BOARDS:
            raise Conflict(_("You have as many boards as there can be."), limit=MAX_BOARDS)
        board = Board.objects.create(user=user, name=name, description=description)
        return get_board(user=user, board_id=board.id)


def edit_board(*, user: User, board_id: uuid.UUID, **changes: Any) -> Board:
    """Set `name`, `description`, `cover_name` or a switch of a board.

    Raises:
        NotFound: `user` has no such board.
    """
    with transaction.atomic():
        lock_library(user_id=user.id)
        if changes.get("is_auto_add"):
            Board.objects.filter(user=user, is_auto_add=True).update(is_auto_add=False)
        # What is put away takes no new pictures.
        if changes.get("is_archived"):
            changes["is_auto_add"] = False
        if changes:
            Board.objects.filter(user=user, id=board_id).update(**changes)
        return get_board(user=user, board_id=board_id)


def order_boards(*, user: User, board_ids: Sequence[uuid.UUID]) -> None:
    """Put boards into this order; those that are not named come after them as they were.

    Raises:
        NotFound: one of them is none of `user`'s.
    """
    with transaction.atomic():
        lock_library(user_id=user.id)
        own = Board.objects.filter(user=user).order_by(*IN_ORDER)
        boards = {board.id: board for board in own}
        if not boards.keys() >= set(board_ids):
            raise NotFound
        # Each once, where it is named first; what is not named comes after it as it was.
        line = [boards[board_id] for board_id in dict.fromkeys([*board_ids, *boards])]
        for number, board in enumerate(line, start=1):
            board.position = number
        Board.objects.bulk_update(line, ["position"])


def move_images(
    *, user: User, names: Collection[uuid.UUID], board_id: uuid.UUID | None
) -> set[uuid.UUID]:
    """Put pictures on a board, or on none; return those that are there.

    Raises:
        NotFound: `user` has no such board.
    """
    if board_id is not None and not Board.objects.filter(user=user, id=board_id).exists():
        raise NotFound
    return change_images(user=user, names=names, change=lambda rows: rows.update(board_id=board_id))


def delete_board(*, user: User, board_id: uuid.UUID, with_pictures: bool) -> int:
    """Delete a board; its pictures stay without one, or go to the trash. Return how many.

    Raises:
        NotFound: `user` has no such board.
    """
    with transaction.atomic():
        lock_library(user_id=user.id)
        if not Board.objects.filter(user=user, id=board_id).exists():
            raise NotFound
        pictures = Image.objects.filter(user=user, board_id=board_id)
        shown = pictures.filter(deleted_at=None)
        count = shown.count()
        if with_pictures:
            shown.update(deleted_at=timezone.now())
        pictures.update(board_id=None)
        Board.objects.filter(user=user, id=board_id).delete()
    return count
