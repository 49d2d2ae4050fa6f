"""What clients may ask of pictures: filters of a list, changes of one, acts on many."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.accounts.models import User
from apps.core.errors import Invalid, NotFound
from apps.core.pagination import KeysetPagination
from apps.core.replica import read_from_reader
from apps.core.serializers import IdField, SwitchField, TextField
from apps.images.models import (
    MAX_NOTE_LENGTH,
    MAX_RATING,
    MAX_TAG_LENGTH,
    MAX_TAGS,
    ImageAct,
    ImageCategory,
)
from apps.images.pages import Cursor, ImagePage, Outline, list_page, outline_list
from apps.images.search import LOOSE, Filters, Order, settings_digest_of

MAX_NAMES = 1000
MAX_WORDS = 10
# Characters of a query: a longer one is checked anew, so that nobody fills the memory.
MOST_REMEMBERED = 1000
MAX_BIGINT = 2**63 - 1
MAX_SIDE = 2**31 - 1


# What an act cannot do without.
_NEEDED = {ImageAct.RATE: "rating", ImageAct.TAG: "tags", ImageAct.UNTAG: "tags"}


class BoardField(IdField):
    """The id of a board, or `none` for the pictures on no board."""

    def to_internal_value(self, data: Any) -> Any:
        return LOOSE if data == LOOSE else super().to_internal_value(data)


class TagField(TextField):
    """A tag: its outer spaces do not count."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=MAX_TAG_LENGTH, **options)


class ImageListQuerySerializer(serializers.Serializer[Any]):
    """Which pictures to list, and in which order. Every filter narrows the list."""

    q = TextField(
        required=False,
        max_length=200,
        allow_blank=True,
        help_text="Words that are in the prompt or the note, as parts of words too.",
    )
    model = TextField(required=False, max_length=100, help_text="The key of a model.")
    lora = TextField(required=False, max_length=100)
    category = serializers.ChoiceField(choices=ImageCategory.choices, required=False)
    tag = serializers.ListField(
        child=TagField(), required=False, max_length=MAX_TAGS, help_text="All of them."
    )
    board = BoardField(required=False, help_text="A board, or `none` for those on no board.")
    starred = serializers.ChoiceField(choices=["true", "false"], required=False)
    rating_from = serializers.IntegerField(required=False, min_value=1, max_value=MAX_RATING)
    width = serializers.IntegerField(required=False, min_value=1, max_value=MAX_SIDE)
    height = serializers.IntegerField(required=False, min_value=1, max_value=MAX_SIDE)
    seed = serializers.IntegerField(required=False, min_value=0, max_value=MAX_BIGINT)
    like = IdField(
        required=False, help_text="A picture: those with its settings, whatever their seeds."
    )
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False, help_text="Made before then.")
    order = serializers.ChoiceField(
        choices=[(order.value, order.value) for order in Order], default=Order.NEWEST.value
    )
    limit = serializers.IntegerField(
        min_value=1,
        max_value=KeysetPagination.max_page_size,
        default=KeysetPagination.page_size,
    )
    cursor = serializers.CharField(required=False, help_text="From `next` or `previous`.")

    def validate_q(self, value: str) -> list[str]:
        words = value.split()
        if len(words) > MAX_WORDS:
            raise serializers.ValidationError(
                _("Search for %(most)d words at most.") % {"most": MAX_WORDS}
            )
        return words


def checked_query(parameters: QueryDict) -> Mapping[str, Any]:
    """Return what the parameters of a list ask for: what is given is asked for, be it empty.

    Raises:
        ValidationError: of the serializer.
    """
    query = parameters.urlencode()
    return _remembered(query) if len(query) <= MOST_REMEMBERED else _checked(query)


def _checked(query: str) -> Mapping[str, Any]:
    parameters = QueryDict(query)
    form = ImageListQuerySerializer(
        data={
            name: parameters.getlist(name) if name == "tag" else parameters[name]
            for name in parameters
        }
    )
    form.is_valid(raise_exception=True)
    return MappingProxyType(form.validated_data)


# Most lists are asked for again and again, and a check makes every field of the form anew.
_remembered = lru_cache(maxsize=1024)(_checked)


def asked_page(*, user: User, asked: Mapping[str, Any]) -> ImagePage:
    """Return the page that a checked query asks for.

    Raises:
        Invalid: the cursor is none of ours.
        NotFound: `like` is none of the user's pictures.
    """
    order, cursor = _asked_place(asked)
    filters = _asked_filters(user, asked)
    return read_from_reader(
        user.id,
        lambda: list_page(
            user=user, filters=filters, order=order, size=asked["limit"], cursor=cursor
        ),
    )


def asked_outline(*, user: User, asked: Mapping[str, Any]) -> Outline:
    """Return where the pages of a checked query begin, from its cursor on.

    Raises:
        Invalid: the cursor is none of ours, or words are asked for.
        NotFound: `like` is none of the user's pictures.
    """
    if asked.get("q"):
        raise Invalid(fields={"q": [str(_("A list of words is known page by page alone."))]})
    order, cursor = _asked_place(asked)
    filters = _asked_filters(user, asked)
    return read_from_reader(
        user.id,
        lambda: outline_list(
            user=user, filters=filters, order=order, size=asked["limit"], cursor=cursor
        ),
    )


def _asked_place(asked: Mapping[str, Any]) -> tuple[Order, Cursor | None]:
    order = Order(asked["order"])
    text = asked.get("cursor")
    return order, None if text is None else Cursor.from_text(text, order=order)


def _asked_filters(user: User, asked: Mapping[str, Any]) -> Filters:
    starred = asked.get("starred")
    like = asked.get("like")
    digest = None if like is None else settings_digest_of(user=user, image_name=like)
    if like is not None and digest is None:
        raise NotFound(_("The picture that others should be like has no settings."))
    return Filters(
        words=asked.get("q", ()),
        tags=asked.get("tag", ()),
        starred=None if starred is None else starred == "true",
        like=digest,
        **{
            name: asked[name]
            for name in (
                *("model", "lora", "category", "board", "rating_from", "width", "height"),
                *("seed", "since", "until"),
            )
            if name in asked
        },
    )


class ImageChangesSerializer(serializers.Serializer[Any]):
    """What is given is changed."""

    starred = SwitchField(required=False)
    rating = serializers.IntegerField(required=False, min_value=0, max_value=MAX_RATING)
    note = TextField(required=False, allow_blank=True, max_length=MAX_NOTE_LENGTH)
    tags = serializers.ListField(child=TagField(), required=False, max_length=MAX_TAGS)

    def validate_tags(self, value: list[str]) -> list[str]:
        return list(dict.fromkeys(value))


class BulkRequestSerializer(serializers.Serializer[Any]):
    """One act on many pictures: `rate` needs `rating`, `tag` and `untag` need `tags`."""

    act = serializers.ChoiceField(choices=[(act.value, act.value) for act in ImageAct])
    images = serializers.ListField(child=IdField(), min_length=1, max_length=MAX_NAMES)
    rating = serializers.IntegerField(required=False, min_value=0, max_value=MAX_RATING)
    tags = serializers.ListField(
        child=TagField(), required=False, min_length=1, max_length=MAX_TAGS
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        needed = _NEEDED.get(ImageAct(attrs["act"]))
        if needed is not None and needed not in attrs:
            raise serializers.ValidationError({needed: [_("This act needs a value here.")]})
        return attrs


class NamesSerializer(serializers.Serializer[Any]):
    images = serializers.ListField(child=IdField(), min_length=1, max_length=MAX_NAMES)


class ActResultSerializer(serializers.Serializer[Any]):
    """What became of one picture: `done`, or `not_found`."""

    image_name = IdField()
    status = serializers.ChoiceField(choices=["done", "not_found"])


class ActResultsSerializer(serializers.Serializer[Any]):
    results = ActResultSerializer(many=True)


def act_results(asked: list[Any], done: set[Any]) -> dict[str, Any]:
    """Say of each picture that was asked for, once, whether it was there."""
    return {
        "results": [
            {"image_name": name, "status": "done" if name in done else "not_found"}
            for name in dict.fromkeys(asked)
        ]
    }
