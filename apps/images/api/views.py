import uuid

from django.conf import settings
from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Scope
from apps.accounts.permissions import by_method
from apps.accounts.requests import signed_in_user
from apps.core.errors import TooLarge
from apps.core.rate_limits import Endpoint
from apps.images.answers import file_answer
from apps.images.api.requests import AnyFormat, ExportSerializer
from apps.images.exports import ExportFormat, export_picture
from apps.images.models import Image
from apps.images.selectors import get_image, list_images, read_file, read_thumbnail
from apps.images.serializers import ImageSerializer, UploadSerializer
from apps.images.services import delete_image, upload_image


class ImageListView(ListAPIView[Image]):
    """List one's pictures, newest first; or upload one."""

    required_scopes = by_method(GET=Scope.READ, POST=Scope.GENERATE)
    serializer_class = ImageSerializer
    parser_classes = (MultiPartParser,)
    queryset = Image.objects.none()

    def get_queryset(self):  # type: ignore[no-untyped-def]  # noqa: ANN201
        return list_images(user=signed_in_user(self.request))

    @extend_schema(
        request={"multipart/form-data": UploadSerializer},
        responses={201: ImageSerializer},
        operation_id="images_upload",
    )
    def post(self, request: Request) -> Response:
        form = UploadSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        file = form.validated_data["file"]
        if file.size > settings.EASEL_UPLOAD_MAX_BYTES:
            raise TooLarge(_("The file is too large."), limit=settings.EASEL_UPLOAD_MAX_BYTES)
        image = upload_image(user=signed_in_user(request), file=file)
        data = ImageSerializer(image, context={"request": request}).data
        return Response(data, status=status.HTTP_201_CREATED, headers={"Location": data["url"]})


class ImageView(APIView):
    """One picture's record."""

    required_scopes = by_method(GET=Scope.READ, DELETE=Scope.MANAGE)

    @extend_schema(responses=ImageSerializer, operation_id="images_retrieve")
    def get(self, request: Request, image_name: uuid.UUID) -> Response:
        image = get_image(user_id=signed_in_user(request).id, image_name=image_name)
        return Response(ImageSerializer(image, context={"request": request}).data)

    @extend_schema(responses={204: None}, operation_id="images_delete")
    def delete(self, request: Request, image_name: uuid.UUID) -> Response:
        delete_image(user=signed_in_user(request), image_name=image_name)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ImageFullView(APIView):
    """The picture itself: the PNG as it is stored, or encoded as asked."""

    read_endpoint = Endpoint.FILE
    required_scopes = by_method(GET=Scope.READ)
    content_negotiation_class = AnyFormat

    @extend_schema(
        responses={(200, kind.content_type): OpenApiTypes.BINARY for kind in ExportFormat},
        parameters=[ExportSerializer],
        operation_id="images_full",
    )
    def get(self, request: Request, image_name: uuid.UUID) -> HttpResponse:
        query = ExportSerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        image = get_image(user_id=signed_in_user(request).id, image_name=image_name)
        kind = ExportFormat(asked["format"])
        content = export_picture(
            read_file(image=image), to=kind, quality=asked["quality"], metadata=image.metadata
        )
        name = f"{image.image_name}.{kind.suffix}"
        as_attachment = asked["download"] == "1"
        return file_answer(
            content, content_type=kind.content_type, name=name, as_attachment=as_attachment
        )


class ImageThumbnailView(APIView):
    """A small WebP of the picture."""

    read_endpoint = Endpoint.FILE
    required_scopes = by_method(GET=Scope.READ)

    @extend_schema(
        responses={(200, "image/webp"): OpenApiTypes.BINARY}, operation_id="images_thumbnail"
    )
    def get(self, request: Request, image_name: uuid.UUID, size: int) -> HttpResponse:
        image = get_image(user_id=signed_in_user(request).id, image_name=image_name)
        return file_answer(
            read_thumbnail(image=image, size=size),
            content_type="image/webp",
            name=f"{image.image_name}_{size}.webp",
        )
