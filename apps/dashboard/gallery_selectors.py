"""What the gallery shows: a list of pictures, where its pages begin, and the boards beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.boards.models import Board
from apps.boards.selectors import list_boards
from apps.catalog.models import GenerationModel
from apps.catalog.selectors import list_models
from apps.core.errors import Invalid, NotFound
from apps.images.listed import ListedImage
from apps.images.models import MAX_RATING
from apps.images.pages import Outline
from apps.images.requests import ImageListQuerySerializer, asked_outline, asked_page
from apps.images.search import LOOSE, Order
from apps.images.selectors import picture_counts

PAGE_SIZE = 48
GALLERY_ORDERS = {
    Order.NEWEST.value: _("Newest first"),
    Order.OLDEST.value: _("Oldest first"),
    Order.RATING.value: _("Best first"),
}
RATINGS = range(MAX_RATING, 0, -1)

# What an address of the gallery may ask for; `board` and the dates say where one is.
_FOLDED = ("rating_from", "model", "tag", "like")
_FILTERS = ("q", "starred", *_FOLDED)
_NAMES = (*_FILTERS, "order", "board", "since", "until", "cursor")


@dataclass(frozen=True, slots=True)
class GalleryPage:
    """Some pictures, what an address asked for to see them, and where the list goes on."""

    images: Sequence[ListedImage]
    next_cursor: str | None
    asked: dict[str, str] = field(default_factory=dict)

    @property
    def order(self) -> str:
        return self.asked.get("order", Order.NEWEST.value)

    @property
    def is_filtered(self) -> bool:
        return any(name in self.asked for name in _FILTERS)

    @property
    def folded_count(self) -> int:
        """Return how many of the folded filters are in use."""
        return sum(name in self.asked for name in _FOLDED)

    @property
    def is_whole(self) -> bool:
        """Say whether these are the newest of all pictures."""
        return self.is_live and "board" not in self.asked

    @property
    def is_live(self) -> bool:
        """Say whether a new picture belongs in front of these, if it is on their board."""
        return not self.asked.keys() - {"board", "order"} and self.order == Order.NEWEST

    @property
    def place(self) -> str:
        """Return the board or day that is looked at, as an address names it."""
        return _query(self.asked, ("board", "since", "until"))

    @property
    def list_query(self) -> str:
        """Return the list as an address names it, without where in it this page begins."""
        return _query(self.asked, [name for name in _NAMES if name != "cursor"])

    @property
    def next_query(self) -> str:
        return _query(self.asked | {"cursor": self.next_cursor or ""}, _NAMES)


@dataclass(frozen=True, slots=True)
class BoardShelf:
    """The boards beside the gallery, and how many pictures there are in all and on none.

    `shown` is the one whose pictures are looked at, as the address names it.
    """

    boards: Sequence[Board]
    archived: Sequence[Board]
    counts: Mapping[str, int]
    shown: str

    @property
    def board(self) -> Board | None:
        """Return the board that is looked at."""
        every = (*self.boards, *self.archived)
        return next((board for board in every if str(board.id) == self.shown), None)

    @property
    def shown_count(self) -> int:
        """Return how many pictures there are where one looks."""
        if self.shown == LOOSE:
            return self.counts["loose_count"]
        return self.board.image_count if self.board else self.counts["image_count"]


def gallery_page(
    *, user: User, asked: Mapping[str, str] = MappingProxyType({}), size: int = PAGE_SIZE
) -> GalleryPage:
    """Return the pictures that an address asks for, by the names of the API's list.

    Of `tag` there may be several, between commas.

    Raises:
        NotFound: there is no such list.
    """
    known = {name: asked[name] for name in _NAMES if asked.get(name)}
    try:
        page = asked_page(user=user, asked=_checked(known, size))
    except Invalid as error:
        raise NotFound from error
    return GalleryPage(
        images=page.images,
        next_cursor=None if page.next is None else page.next.to_text(),
        asked=known,
    )


def gallery_outline(*, user: User, asked: Mapping[str, str]) -> Outline:
    """Return where the pages of such a list begin; one query.

    Raises:
        NotFound: there is no such list, or it is one of words.
    """
    known = {name: asked[name] for name in _NAMES if asked.get(name)}
    try:
        return asked_outline(user=user, asked=_checked(known, PAGE_SIZE))
    except Invalid as error:
        raise NotFound from error


def board_shelf(*, user: User, shown: str) -> BoardShelf:
    """Return the boards of `user` and how many pictures there are; two queries."""
    boards = list(list_boards(user=user, archived=None))
    return BoardShelf(
        boards=[board for board in boards if not board.is_archived],
        archived=[board for board in boards if board.is_archived],
        counts=picture_counts(user_id=user.id),
        shown=shown,
    )


def model_names(*, user: User) -> QuerySet[GenerationModel]:
    """List the models that pictures can be filtered by, by their names alone."""
    return list_models(user=user).only("key", "name")


def _checked(known: Mapping[str, str], size: int) -> Mapping[str, Any]:
    tags = [tag.strip() for tag in known.get("tag", "").split(",") if tag.strip()]
    query = ImageListQuerySerializer(data={**known, "tag": tags, "limit": size})
    if not query.is_valid():
        raise NotFound
    checked: Mapping[str, Any] = query.validated_data
    return checked


def _query(asked: Mapping[str, str], names: Sequence[str]) -> str:
    return urlencode({name: asked[name] for name in names if asked.get(name)})
