"""Reads on boards that are shared: what their owners gave out, and what others are let see.

Whoever a board is shared with reads it and its pictures under the policies of PostgreSQL, always
from the writer: what is withdrawn is gone at once.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count, QuerySet

from apps.accounts.models import User
from apps.boards.link_tokens import looks_like_token
from apps.boards.models import Board, BoardLink, BoardMember, MemberRole
from apps.boards.selectors import with_covers
from apps.core.errors import NotFound
from apps.core.tenancy import closed_scope
from apps.images.listed import ListedImage, read_listed
from apps.images.pages import Cursor, ImagePage, list_page
from apps.images.search import Filters, Order, Place

_MEMBERSHIPS = "SELECT board_id, owner_id, owner_name, role, shows_prompts FROM easel_memberships()"


@dataclass(frozen=True, slots=True)
class Share:
    """A board that its reader does not own; by a link it has no `role`."""

    board_id: uuid.UUID
    owner_id: uuid.UUID
    owner_name: str
    role: MemberRole | None
    shows_prompts: bool


@dataclass(frozen=True, slots=True)
class SharedBoard:
    """A board with its cover, and what its reader may do with it."""

    board: Board
    share: Share


@dataclass(frozen=True, slots=True)
class ShareMarks:
    """To whom the boards of a user are open: ids of those with a link, and members by board."""

    linked: frozenset[uuid.UUID]
    members: dict[uuid.UUID, int]


def share_marks(*, user: User) -> ShareMarks:
    """Return which boards of `user` are shared, and how; two queries."""
    links = BoardLink.objects.filter(user=user, withdrawn_at=None)
    members = BoardMember.objects.filter(user=user).values("board_id").annotate(count=Count("id"))
    return ShareMarks(
        linked=frozenset(links.values_list("board_id", flat=True)),
        members=dict(members.values_list("board_id", "count")),
    )


def get_link(*, user: User, board_id: uuid.UUID) -> BoardLink | None:
    """Return the link to a board of `user` that is good now, if there is one."""
    return BoardLink.objects.filter(user=user, board=board_id, withdrawn_at=None).first()


def list_members(*, user: User, board_id: uuid.UUID) -> QuerySet[BoardMember]:
    """List the members of a board of `user`, as they were added."""
    return BoardMember.objects.filter(user=user, board=board_id).order_by("created_at", "id")


def list_shared_boards(*, user: User) -> list[SharedBoard]:
    """List the boards that others share with `user`, by name; two queries."""
    shares = {share.board_id: share for share in _shares(_MEMBERSHIPS, [])}
    boards = with_covers(Board.objects.filter(id__in=shares).exclude(user=user))
    return [SharedBoard(board, shares[board.id]) for board in boards.order_by("name", "id")]


def get_share(*, board_id: uuid.UUID) -> Share:
    """Return what the reader may do with a board of somebody else; one query.

    Who reads, the transaction knows.

    Raises:
        NotFound: no such board is shared with them.
    """
    found = _shares(f"{_MEMBERSHIPS} WHERE board_id = %s", [board_id])
    if not found:
        raise NotFound
    return found[0]


def get_shared_board(*, board_id: uuid.UUID) -> SharedBoard:
    """Return a board of somebody else that is shared with the reader; two queries.

    Raises:
        NotFound: no such board is shared with them.
    """
    share = get_share(board_id=board_id)
    return SharedBoard(with_covers(Board.objects.filter(id=board_id)).get(), share)


@contextmanager
def linked_board(token: str) -> Iterator[SharedBoard]:
    """Run a transaction that sees the board of a link and its pictures, and nothing else.

    Whoever is signed in has no part in it.

    Raises:
        NotFound: there is no such link, or it was withdrawn.
    """
    with closed_scope():
        _present(token if looks_like_token(token) else "")
        board = Board.objects.first()
        if board is None:
            raise NotFound
        yield SharedBoard(
            board, Share(board.id, board.user_id, "", role=None, shows_prompts=board.shows_prompts)
        )
        # An error takes the setting back with the savepoint; success does not.
        _present("")


def shared_page(*, share: Share, size: int, cursor: Cursor | None = None) -> ImagePage:
    """Return a page of the pictures on a shared board, the newest first; one query."""
    return list_page(
        # The owner's row is not there to be read, and only its id is asked for.
        user=User(id=share.owner_id),
        filters=Filters(board=share.board_id),
        order=Order.NEWEST,
        size=size,
        cursor=cursor,
    )


def get_shared_image(*, share: Share, image_name: uuid.UUID) -> ListedImage:
    """Return a picture on a shared board.

    Raises:
        NotFound: it is not on the board.
    """
    where = (
        "user_id = %s AND board_id = %s AND image_name = %s"
        " AND deleted_at IS NULL AND NOT is_intermediate"
    )
    found = read_listed(where, [share.owner_id, share.board_id, image_name])
    if not found:
        raise NotFound
    return found[0]


def shared_neighbours(
    *, share: Share, image: ListedImage
) -> tuple[ListedImage | None, ListedImage | None]:
    """Return the pictures before and after one on a shared board; two queries."""
    place = Place.of(image)
    newer = shared_page(share=share, size=1, cursor=Cursor(Order.NEWEST, place, backwards=True))
    older = shared_page(share=share, size=1, cursor=Cursor(Order.NEWEST, place))
    return next(iter(newer.images), None), next(iter(older.images), None)


def _shares(query: str, parameters: list[uuid.UUID]) -> list[Share]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return [
            Share(board_id, owner_id, owner_name, MemberRole(role), shows_prompts)
            for board_id, owner_id, owner_name, role, shows_prompts in cursor.fetchall()
        ]


def _present(token: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.share_token', %s, true)", [token])
