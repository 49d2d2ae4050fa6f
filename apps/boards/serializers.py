"""The JSON of boards."""

import uuid
from typing import Any

from rest_framework import serializers

from apps.boards.models import MAX_BOARDS, MAX_DESCRIPTION_LENGTH, MAX_NAME_LENGTH, Board
from apps.core.serializers import IdField, SwitchField, TextField, utc_text
from apps.images.serializers import thumbnail_address


class BoardSerializer(serializers.ModelSerializer[Board]):
    """A board; `cover` is the name of a picture, `cover_url` its thumbnail's address.

    The fields are for the description of the API: to ask them one by one takes a list of boards
    longer than PostgreSQL takes for it.
    """

    cover = serializers.UUIDField(allow_null=True, read_only=True)
    cover_url = serializers.CharField(allow_null=True, read_only=True)

    class Meta:
        model = Board
        fields = (
            "id",
            "name",
            "description",
            "image_count",
            "cover",
            "cover_url",
            "is_archived",
            "is_auto_add",
            "shows_prompts",
            "created_at",
        )

    def to_representation(self, instance: Board) -> dict[str, Any]:
        cover: uuid.UUID | None = getattr(instance, "cover", None)
        request = self.context.get("request")
        return {
            "id": str(instance.id),
            "name": instance.name,
            "description": instance.description,
            "image_count": instance.image_count,
            "cover": None if cover is None else str(cover),
            "cover_url": cover
            and thumbnail_address(request, user_id=instance.user_id, image_name=cover),
            "is_archived": instance.is_archived,
            "is_auto_add": instance.is_auto_add,
            "shows_prompts": instance.shows_prompts,
            "created_at": utc_text(instance.created_at),
        }


class BoardListSerializer(serializers.Serializer[Any]):
    """All boards, and how many pictures there are, on none of them, and in the trash."""

    boards = BoardSerializer(many=True)
    image_count = serializers.IntegerField()
    loose_count = serializers.IntegerField()
    trash_count = serializers.IntegerField()


class BoardListQuerySerializer(serializers.Serializer[Any]):
    archived = serializers.ChoiceField(choices=["true", "false"], default="false")


class NewBoardSerializer(serializers.Serializer[Any]):
    name = TextField(max_length=MAX_NAME_LENGTH)
    description = TextField(max_length=MAX_DESCRIPTION_LENGTH, allow_blank=True, default="")


class BoardChangesSerializer(serializers.Serializer[Any]):
    """What is given is changed."""

    name = TextField(max_length=MAX_NAME_LENGTH, required=False)
    description = TextField(max_length=MAX_DESCRIPTION_LENGTH, allow_blank=True, required=False)
    cover = IdField(source="cover_name", allow_null=True, required=False)
    is_archived = SwitchField(required=False)
    is_auto_add = SwitchField(required=False)
    shows_prompts = SwitchField(required=False)


class BoardOrderSerializer(serializers.Serializer[Any]):
    boards = serializers.ListField(child=IdField(), max_length=MAX_BOARDS)


class BoardDeletionSerializer(serializers.Serializer[Any]):
    """Whether the pictures on the board stay, or go to the trash with it."""

    pictures = serializers.ChoiceField(choices=["keep", "trash"], default="keep")


class DayQuerySerializer(serializers.Serializer[Any]):
    """The time zone that says when a day begins, by its name (`Asia/Seoul`)."""

    zone = serializers.CharField(default="UTC", max_length=64)


class DaySerializer(serializers.Serializer[Any]):
    day = serializers.DateField()
    image_count = serializers.IntegerField()
