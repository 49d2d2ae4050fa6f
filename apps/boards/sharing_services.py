"""Writes on sharing: links and members of one's boards, and what members may do."""

import uuid
from collections.abc import Collection

import structlog
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.key_secrets import digest_of
from apps.accounts.models import User
from apps.boards.link_tokens import new_token
from apps.boards.models import MAX_MEMBERS, Board, BoardLink, BoardMember, MemberRole
from apps.boards.sharing_selectors import Share, get_link, get_share, list_members
from apps.core.audit import record_act
from apps.core.errors import Conflict, Forbidden, Invalid, NotFound
from apps.core.models import Act
from apps.core.tenancy import tenant_scope
from apps.images.kept_lists import note_library_change
from apps.images.services.library import lock_library
from apps.plans.entitlements import Feature, require

logger = structlog.get_logger(__name__)


def create_link(*, user: User, board_id: uuid.UUID) -> tuple[BoardLink, str]:
    """Make a link to a board and return it with its token, which is told this once.

    A link that there was is withdrawn.

    Raises:
        NotFound: `user` has no such board.
    """
    token = new_token()
    with transaction.atomic():
        board = _lock_board(user, board_id)
        _withdraw(user, board_id)
        link = BoardLink.objects.create(user=user, board=board, digest=digest_of(token))
        _record(Act.BOARD_LINK_CREATED, user, board_id)
    logger.info("board_link_created", board_id=str(board_id))
    return link, token


def withdraw_link(*, user: User, board_id: uuid.UUID) -> None:
    """End the link to a board at once and for ever.

    Raises:
        NotFound: `user` has no such board, or it has no link.
    """
    with transaction.atomic():
        _lock_board(user, board_id)
        if not _withdraw(user, board_id):
            raise NotFound
        _record(Act.BOARD_LINK_WITHDRAWN, user, board_id)
    logger.info("board_link_withdrawn", board_id=str(board_id))


def add_member(*, user: User, board_id: uuid.UUID, email: str, role: MemberRole) -> BoardMember:
    """Share a board with whoever has, or will have, this address; nobody learns if somebody has.

    Raises:
        NotFound: `user` has no such board.
        Forbidden: the plan of `user` has no collaboration.
        Invalid: it is the address of `user`.
        Conflict: the address is a member already, or there are as many as there can be.
    """
    address = email.lower()
    with transaction.atomic():
        board = _lock_board(user, board_id)
        require(user_id=user.id, feature=Feature.COLLABORATION)
        if address == user.email.lower():
            raise Invalid(fields={"email": [_("This is your own address.")]})
        members = list_members(user=user, board_id=board_id)
        if members.filter(email=address).exists():
            raise Conflict(_("This address is a member already."))
        if members.count() >= MAX_MEMBERS:
            raise Conflict(_("The board has as many members as there can be."), limit=MAX_MEMBERS)
        member = BoardMember.objects.create(user=user, board=board, email=address, role=role)
        _record(Act.BOARD_MEMBER_ADDED, user, board_id, member.id)
    logger.info("board_member_added", board_id=str(board_id), member_id=str(member.id), role=role)
    return member


def change_member(
    *, user: User, board_id: uuid.UUID, member_id: uuid.UUID, role: MemberRole
) -> BoardMember:
    """Give a member another role.

    Raises:
        NotFound: `user` has no such board, or it has no such member.
        Forbidden: the plan of `user` has no collaboration.
    """
    with transaction.atomic():
        _lock_board(user, board_id)
        members = list_members(user=user, board_id=board_id).filter(id=member_id)
        if not members.exists():
            raise NotFound
        require(user_id=user.id, feature=Feature.COLLABORATION)
        members.update(role=role)
        _record(Act.BOARD_MEMBER_CHANGED, user, board_id, member_id)
        member = members.get()
    logger.info("board_member_changed", member_id=str(member_id), role=role)
    return member


def remove_member(*, user: User, board_id: uuid.UUID, member_id: uuid.UUID) -> None:
    """Share a board with somebody no longer; whatever the plan says.

    Raises:
        NotFound: `user` has no such board, or it has no such member.
    """
    with transaction.atomic():
        _lock_board(user, board_id)
        deleted, _each = list_members(user=user, board_id=board_id).filter(id=member_id).delete()
        if not deleted:
            raise NotFound
        _record(Act.BOARD_MEMBER_REMOVED, user, board_id, member_id)
    logger.info("board_member_removed", member_id=str(member_id))


def move_shared_images(
    *, user: User, board_id: uuid.UUID, names: Collection[uuid.UUID], to: uuid.UUID | None
) -> set[uuid.UUID]:
    """Take pictures off a board of somebody else, or put them on another board of the same owner.

    PostgreSQL asks for the role once more, in the statement that moves them. Return those that
    were moved.

    Raises:
        NotFound: `user` is no member of a board.
        Forbidden: `user` may only look at one.
        Invalid: the boards are of different owners.
    """
    source = _require_editor(user, board_id)
    if to is not None and _require_editor(user, to).owner_id != source.owner_id:
        raise Invalid(fields={"to": [_("Name a board of the same owner.")]})
    with transaction.atomic():
        note_library_change(source.owner_id)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT easel_move_shared_images(%s, %s, %s)", [board_id, to, list(names)]
            )
            moved = {name for (name,) in cursor.fetchall()}
        if moved:
            _record_for_owner(Act.BOARD_EDITED, source.owner_id, user, board_id)
    logger.info("shared_images_moved", board_id=str(board_id), count=len(moved))
    return moved


def leave_board(*, user: User, board_id: uuid.UUID) -> None:
    """Be no longer a member of somebody's board.

    Raises:
        NotFound: `user` is no member of it.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT easel_leave_board(%s)", [board_id])
            (owner_id,) = cursor.fetchone()
        if owner_id is None:
            raise NotFound
        _record_for_owner(Act.BOARD_MEMBER_LEFT, owner_id, user, board_id)
    logger.info("board_left", board_id=str(board_id))


def forget_member(*, sender: object, email: str, **kwargs: object) -> None:
    """Answer `account_closed`: the address admits nobody who may take it after this."""
    del sender, kwargs
    BoardMember.objects.filter(email=email.lower()).delete()


def _lock_board(user: User, board_id: uuid.UUID) -> Board:
    lock_library(user_id=user.id)
    board = Board.objects.filter(user=user, id=board_id).first()
    if board is None:
        raise NotFound
    return board


def _withdraw(user: User, board_id: uuid.UUID) -> bool:
    link = get_link(user=user, board_id=board_id)
    if link is None:
        return False
    BoardLink.objects.filter(user=user, id=link.id).update(withdrawn_at=timezone.now())
    return True


def _require_editor(user: User, board_id: uuid.UUID) -> Share:
    share = get_share(user=user, board_id=board_id)
    if share.role is not MemberRole.EDITOR:
        raise Forbidden
    return share


def _record(act: Act, user: User, board_id: uuid.UUID, member_id: uuid.UUID | None = None) -> None:
    target = f"{board_id}" if member_id is None else f"{board_id}: {member_id}"
    record_act(act=act, user_id=user.id, actor_id=user.id, target=target)


def _record_for_owner(act: Act, owner_id: uuid.UUID, user: User, board_id: uuid.UUID) -> None:
    # It is the owner's account that something was done to, and a record is its owner's row.
    with tenant_scope(owner_id):
        record_act(act=act, user_id=owner_id, actor_id=user.id, target=str(board_id))
