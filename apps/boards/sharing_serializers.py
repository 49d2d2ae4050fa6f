"""The JSON of sharing: to owners their links and members, to others what they are let see."""

from typing import Any

from django.urls import reverse
from django.utils.functional import cached_property
from rest_framework import serializers

from apps.boards.models import BoardLink, BoardMember, MemberRole
from apps.boards.sharing_selectors import Share, SharedBoard
from apps.core.pagination import KeysetPagination
from apps.core.serializers import IdField, TextField, utc_text
from apps.images.listed import ListedImage
from apps.images.placeholders import placeholder_url
from apps.images.requests import NamesSerializer
from apps.images.serializers import ThumbnailUrlsSerializer
from apps.images.storage import THUMBNAIL_SIZES


class BoardLinkSerializer(serializers.ModelSerializer[BoardLink]):
    """A link that is good now."""

    class Meta:
        model = BoardLink
        fields = ("created_at",)


class NewBoardLinkSerializer(serializers.Serializer[Any]):
    """A link with its address, which is told this once."""

    created_at = serializers.DateTimeField()
    url = serializers.CharField()


class BoardMemberSerializer(serializers.ModelSerializer[BoardMember]):
    """A member by the address that the owner named; whether it has an account is not told."""

    class Meta:
        model = BoardMember
        fields = ("id", "email", "role", "created_at")


class NewMemberSerializer(serializers.Serializer[Any]):
    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(choices=MemberRole.choices, default=MemberRole.VIEWER.value)


class MemberChangesSerializer(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=MemberRole.choices)


class SharedBoardSerializer(serializers.Serializer[Any]):
    """A board of somebody else; `owner` is a name, or the first letter of an address."""

    id = serializers.UUIDField(source="board.id")
    name = serializers.CharField(source="board.name")
    description = serializers.CharField(source="board.description")
    image_count = serializers.IntegerField(source="board.image_count")
    owner = serializers.CharField(source="share.owner_name")
    role = serializers.ChoiceField(choices=MemberRole.choices, source="share.role")
    shows_prompts = serializers.BooleanField(source="share.shows_prompts")
    cover_url = serializers.SerializerMethodField()

    def get_cover_url(self, shared: SharedBoard) -> str | None:
        cover = getattr(shared.board, "cover", None)
        if cover is None:
            return None
        return reverse("shared-image-thumbnail", args=[shared.board.id, cover, THUMBNAIL_SIZES[0]])


class SharedBoardListSerializer(serializers.Serializer[Any]):
    boards = SharedBoardSerializer(many=True)


class SharedImageSerializer(serializers.Serializer[Any]):
    """A picture as others see it: nothing of how it was made but the prompt, if that is shown.

    `context` has the `share` under which it is seen. Files are fetched as the list is.
    """

    image_name = serializers.UUIDField()
    full_url = serializers.CharField()
    thumbnail_url = serializers.CharField()
    thumbnail_urls = ThumbnailUrlsSerializer()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    placeholder = serializers.CharField()
    prompt = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()

    @cached_property
    def _list_url(self) -> str:
        return reverse("shared-images", args=[self.context["share"].board_id])

    def to_representation(self, instance: ListedImage) -> dict[str, Any]:
        share: Share = self.context["share"]
        url = f"{self._list_url}/{instance.image_name}"
        thumbnails = {str(size): f"{url}/thumbnails/{size}" for size in THUMBNAIL_SIZES}
        return {
            "image_name": str(instance.image_name),
            "full_url": f"{url}/full",
            "thumbnail_url": thumbnails[str(THUMBNAIL_SIZES[0])],
            "thumbnail_urls": thumbnails,
            "width": instance.width,
            "height": instance.height,
            "placeholder": placeholder_url(instance.placeholder) if instance.placeholder else "",
            "prompt": instance.metadata.get("prompt") if share.shows_prompts else None,
            "created_at": utc_text(instance.created_at),
        }


class SharedImagePageSerializer(serializers.Serializer[Any]):
    """Pictures, the newest first, and where the list goes on to both sides."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = SharedImageSerializer(many=True)


class SharedImageListQuerySerializer(serializers.Serializer[Any]):
    limit = serializers.IntegerField(
        min_value=1, max_value=KeysetPagination.max_page_size, default=KeysetPagination.page_size
    )
    cursor = TextField(required=False, max_length=400)


class SharedMoveSerializer(NamesSerializer):
    """Where to: another board of the same owner, or null to take them off this one."""

    to = IdField(allow_null=True)
