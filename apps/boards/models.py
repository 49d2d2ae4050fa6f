"""Boards, which pictures are put on: each picture on one of them, or on none."""

from django.db import models
from django.db.models import Q

from apps.core.models import TenantModel

MAX_NAME_LENGTH = 100
MAX_DESCRIPTION_LENGTH = 1000
MAX_BOARDS = 1000


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
