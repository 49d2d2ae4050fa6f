from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Scope
from apps.accounts.permissions import by_method
from apps.accounts.requests import signed_in_user
from apps.catalog.selectors import read_cover
from apps.catalog.services.own_models import remove_cover, set_cover
from apps.core.rate_limits import Endpoint
from apps.core.serializers import IdField
from apps.images.answers import file_answer
from apps.images.selectors import get_image, read_thumbnail

COVER_SIZE = 512


class CoverSerializer(serializers.Serializer[Any]):
    """A picture of one's own."""

    image = IdField(help_text="The `image_name` of a picture of yours; upload one for it first.")


class ModelCoverView(APIView):
    """The cover of a model: a small copy of one of one's pictures."""

    required_scopes = by_method(GET=Scope.READ, PUT=Scope.GENERATE, DELETE=Scope.MANAGE)
    read_endpoint = Endpoint.FILE

    @extend_schema(
        responses={(200, "image/webp"): OpenApiTypes.BINARY}, operation_id="models_cover"
    )
    def get(self, request: Request, key: str) -> HttpResponse:
        """Fetch it, of a model that one can see."""
        cover = read_cover(user=signed_in_user(request), key=key)
        return file_answer(cover, content_type="image/webp", name=f"{key}.webp")

    @extend_schema(request=CoverSerializer, responses={204: None}, operation_id="models_cover_set")
    def put(self, request: Request, key: str) -> Response:
        """Take a picture of one's own for it; the picture may go afterwards."""
        form = CoverSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = signed_in_user(request)
        image = get_image(user_id=user.id, image_name=form.validated_data["image"])
        set_cover(user=user, key=key, picture=read_thumbnail(image=image, size=COVER_SIZE))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses={204: None}, operation_id="models_cover_remove")
    def delete(self, request: Request, key: str) -> Response:
        """Take it away."""
        remove_cover(user=signed_in_user(request), key=key)
        return Response(status=status.HTTP_204_NO_CONTENT)
