"""Boards, which pictures are put on: each picture on one of them, or on none."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.models import TenantModel

MAX_NAME_LENGTH = 100
MAX_DESCRIPTION_LENGTH = 1000
MAX_BOARDS = 1000
MAX_MEMBERS = 100


class Board(TenantModel):
    """A named collection of pictures of one user.

    `Image.board_id` says which pictures are on it; `image_count` is kept by a trigger on
    pictures, exactly, without those in the trash. A `cover_name` that is not on the board is none.
    """

    name = models.CharField(max_length=MAX_NAME_LENGTH)
    description = models.TextField(blank=True, max_length=MAX_DESCRIPTION_LENGTH)
    cover_name = models.UUIDField(null=True, blank=True)
    is_archived = models.BooleanField(default=False)
    # New pictures go here; one board of a user at most.
    is_auto_add = models.BooleanField(default=False)
    # Whether whoever it is shared with reads the prompts of its pictures too.
    shows_prompts = models.BooleanField(default=False)
    position = models.IntegerField(default=0)
    image_count = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "id"], name="boards_board_of_user"),
            models.UniqueConstraint(
                fields=["user"], condition=Q(is_auto_add=True), name="boards_board_one_auto_add"
            ),
        )
        indexes = (
            models.Index(
                fields=["user", "position", "-created_at", "-id"], name="boards_board_in_order"
            ),
        )

    def __str__(self) -> str:
        return self.name


class MemberRole(models.TextChoices):
    """What somebody may do with a board of another user.

    Viewers look; editors also take pictures off it, or move them to another board of its owner.
    """

    VIEWER = "viewer", _("Viewer")
    EDITOR = "editor", _("Editor")


class BoardMember(TenantModel):
    """Somebody whom the owner of a board lets see it, named by e-mail.

    Who that is follows from the address at each look: a user who has confirmed it, now or later.
    So nothing here tells the owner whether there is such an account.
    """

    board = models.ForeignKey(
        # PostgreSQL ties it to a board of the same user.
        Board,
        on_delete=models.CASCADE,
        related_name="members",
        db_constraint=False,
        db_index=False,
    )
    # In small letters.
    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=16, choices=MemberRole.choices)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["user", "board", "email"], name="boards_member_once_a_board"
            ),
            models.CheckConstraint(
                condition=Q(role__in=sorted(MemberRole.values)), name="boards_member_role_known"
            ),
        )
        indexes = (models.Index(fields=["email"], name="boards_member_email"),)

    def __str__(self) -> str:
        return f"{self.email} ({self.role})"


class BoardLink(TenantModel):
    """An address under which anybody sees a board; of its token only a hash is kept."""

    private_fields: ClassVar[tuple[str, ...]] = ("digest",)

    board = models.ForeignKey(
        Board,
        on_delete=models.CASCADE,
        related_name="links",
        db_constraint=False,
        db_index=False,
    )
    digest = models.CharField(max_length=64, editable=False)
    withdrawn_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["user", "board"],
                condition=Q(withdrawn_at=None),
                name="boards_link_one_of_a_board",
            ),
        )
        indexes = (models.Index(fields=["digest"], name="boards_link_digest"),)

    def __str__(self) -> str:
        return f"{self.board_id} since {self.created_at:%Y-%m-%d}"
