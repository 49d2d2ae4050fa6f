import uuid

from django.conf import settings
from django.http import HttpResponse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import conditional_page
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
from apps.core.pagination import KeysetPagination
from apps.core.rate_limits import Endpoint
from apps.core.renderers import to_json
from apps.images.answers import file_answer, page_address
from apps.images.api.formats import AnyFormat, ExportSerializer
from apps.images.exports import ExportFormat, export_picture
from apps.images.kept_lists import kept_page
from apps.images.models import Image, ImageAct
from apps.images.requests import (
    ActResultsSerializer,
    BulkRequestSerializer,
    ImageChangesSerializer,
    ImageListQuerySerializer,
    act_results,
    asked_page,
    checked_query,
)
from apps.images.selectors import get_image, get_listed_image, list_trash, read_file, read_thumbnail
from apps.images.serializers import (
    ImagePageSerializer,
    ImageSerializer,
    ImageWriter,
    UploadSerializer,
)
from apps.images.services.library import (
    act_on_images,
    edit_image,
    empty_trash,
    trash_images,
)
from apps.images.services.pictures import upload_image


@method_decorator(conditional_page, name="dispatch")
class ImageListView(APIView):
    """List one's pictures; or upload one."""

    required_scopes = by_method(GET=Scope.READ, POST=Scope.GENERATE)
    parser_classes = (MultiPartParser,)

    @extend_schema(
        parameters=[ImageListQuerySerializer],
        responses=ImagePageSerializer,
        operation_id="images_list",
    )
    def get(self, request: Request) -> HttpResponse:
        wanted = checked_query(request.query_params)
        user = signed_in_user(request)
        writer = ImageWriter(request)

        def make() -> bytes:
            page = asked_page(user=user, asked=wanted)
            return to_json(
                {
                    "next": page_address(request, page.next),
                    "previous": page_address(request, page.previous),
                    "results": [writer.write(image) for image in page.images],
                }
            )

        asked = f"{writer.kind} {request.build_absolute_uri()}"
        page = kept_page(user_id=user.id, asked=asked, make=make)
        headers = {"Cache-Status": f"easel; {'hit' if page.is_hit else 'fwd=miss'}"}
        return HttpResponse(page.content, content_type="application/json", headers=headers)

    @extend_schema(
        request={"multipart/form-data": UploadSerializer},
        responses={201: ImageSerializer},
        operation_id="images_upload",
    )
    def post(self, request: Request) -> Response:
        form = UploadSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        file, flag = (form.validated_data[key] for key in ("file", "is_intermediate"))
        if file.size > settings.EASEL_UPLOAD_MAX_BYTES:
            raise TooLarge(_("The file is too large."), limit=settings.EASEL_UPLOAD_MAX_BYTES)
        user = signed_in_user(request)
        image = upload_image(user=user, file=file, is_intermediate=flag == "true")
        data = ImageSerializer(image, context={"request": request}).data
        return Response(data, status=status.HTTP_201_CREATED, headers={"Location": data["url"]})


@method_decorator(conditional_page, name="dispatch")
class ImageView(APIView):
    """One picture's record."""

    required_scopes = by_method(GET=Scope.READ, PATCH=Scope.GENERATE, DELETE=Scope.MANAGE)

    @extend_schema(responses=ImageSerializer, operation_id="images_retrieve")
    def get(self, request: Request, image_name: uuid.UUID) -> Response:
        image = get_listed_image(user_id=signed_in_user(request).id, image_name=image_name)
        return Response(ImageWriter(request).write(image))

    @extend_schema(
        request=ImageChangesSerializer, responses=ImageSerializer, operation_id="images_edit"
    )
    def patch(self, request: Request, image_name: uuid.UUID) -> Response:
        form = ImageChangesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        image = edit_image(
            user=signed_in_user(request), image_name=image_name, **form.validated_data
        )
        return Response(ImageSerializer(image, context={"request": request}).data)

    @extend_schema(responses={204: None}, operation_id="images_trash")
    def delete(self, request: Request, image_name: uuid.UUID) -> Response:
        """Put the picture into the trash, which keeps it for 30 days."""
        user = signed_in_user(request)
        image = get_listed_image(user_id=user.id, image_name=image_name)
        trash_images(user=user, names=[image.image_name])
        return Response(status=status.HTTP_204_NO_CONTENT)


class ImageActsView(APIView):
    """One act on many pictures."""

    required_scopes = by_method(POST=Scope.MANAGE)

    @extend_schema(
        request=BulkRequestSerializer,
        responses={200: ActResultsSerializer},
        operation_id="images_act",
    )
    def post(self, request: Request) -> Response:
        form = BulkRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        done = act_on_images(
            user=signed_in_user(request),
            act=ImageAct(asked["act"]),
            names=asked["images"],
            rating=asked.get("rating", 0),
            tags=asked.get("tags", ()),
        )
        return Response(act_results(asked["images"], done))


class TrashPagination(KeysetPagination):
    ordering = ("-deleted_at", "-id")


class TrashView(ListAPIView[Image]):
    """List what is in the trash, what was thrown away last first; or empty it."""

    required_scopes = by_method(GET=Scope.READ, DELETE=Scope.MANAGE)
    serializer_class = ImageSerializer
    pagination_class = TrashPagination
    queryset = Image.objects.none()

    def get_queryset(self):  # type: ignore[no-untyped-def]  # noqa: ANN201
        return list_trash(user=signed_in_user(self.request))

    @extend_schema(responses={204: None}, operation_id="images_trash_empty")
    def delete(self, request: Request) -> Response:
        """Delete everything in the trash for good."""
        empty_trash(user=signed_in_user(request))
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
