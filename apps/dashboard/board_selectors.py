"""What the page of boards shows."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.accounts.models import User
from apps.boards.models import Board
from apps.boards.selectors import list_boards
from apps.boards.sharing_selectors import SharedBoard, list_shared_boards, share_marks


@dataclass(frozen=True, slots=True)
class BoardCard:
    """A board with how it is shared: whether by a link, and with how many members."""

    board: Board
    has_link: bool
    member_count: int


@dataclass(frozen=True, slots=True)
class BoardsPage:
    """The boards of a user in their order, those in the archive, and those of others."""

    boards: Sequence[BoardCard]
    archived: Sequence[BoardCard]
    shared: Sequence[SharedBoard]


def boards_page(*, user: User) -> BoardsPage:
    """Return what the page shows; at most five queries, however many there are."""
    marks = share_marks(user=user)
    cards = [
        BoardCard(board, board.id in marks.linked, marks.members.get(board.id, 0))
        for board in list_boards(user=user, archived=None)
    ]
    return BoardsPage(
        boards=[card for card in cards if not card.board.is_archived],
        archived=[card for card in cards if card.board.is_archived],
        shared=list_shared_boards(user=user),
    )
