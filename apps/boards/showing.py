"""What the pages of a shared board show, whether it is seen by a link or as a member."""

import uuid
from dataclasses import dataclass

from apps.accounts.models import User
from apps.boards.models import Board, MemberRole
from apps.boards.sharing_selectors import (
    Share,
    SharedBoard,
    get_shared_image,
    list_shared_boards,
    shared_neighbours,
    shared_page,
)
from apps.core.errors import Invalid, NotFound
from apps.images.listed import ListedImage
from apps.images.pages import Cursor, ImagePage
from apps.images.search import Order

PAGE_SIZE = 48


@dataclass(frozen=True, slots=True)
class ShownBoard:
    """A page of a board; pictures and files lie below `address`."""

    board: Board
    share: Share
    address: str
    page: ImagePage

    @property
    def next_address(self) -> str | None:
        return _at(self.address, self.page.next)

    @property
    def previous_address(self) -> str | None:
        return _at(self.address, self.page.previous)


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture on a board in large view, and those beside it."""

    board: Board
    share: Share
    address: str
    image: ListedImage
    newer: ListedImage | None
    older: ListedImage | None


def show_board(shared: SharedBoard, *, address: str, cursor: str = "") -> ShownBoard:
    """Return the page of a board that `cursor` names, or the first.

    Raises:
        NotFound: there is no such page.
    """
    try:
        place = Cursor.from_text(cursor, order=Order.NEWEST) if cursor else None
    except Invalid as error:
        raise NotFound from error
    page = shared_page(share=shared.share, size=PAGE_SIZE, cursor=place)
    return ShownBoard(shared.board, shared.share, address, page)


def show_picture(shared: SharedBoard, *, address: str, image_name: uuid.UUID) -> ShownPicture:
    """Return a picture on a board with its neighbours.

    Raises:
        NotFound: it is not on the board.
    """
    image = get_shared_image(share=shared.share, image_name=image_name)
    newer, older = shared_neighbours(share=shared.share, image=image)
    return ShownPicture(shared.board, shared.share, address, image, newer, older)


def move_targets(*, user: User, share: Share) -> list[Board]:
    """List where an editor of a board may put its pictures: other boards of its owner."""
    return [
        other.board
        for other in list_shared_boards(user=user)
        if other.share.owner_id == share.owner_id
        and other.share.role is MemberRole.EDITOR
        and other.board.id != share.board_id
    ]


def _at(address: str, cursor: Cursor | None) -> str | None:
    return None if cursor is None else f"{address}?cursor={cursor.to_text()}"
