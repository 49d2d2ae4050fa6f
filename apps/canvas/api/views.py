import uuid

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Scope
from apps.accounts.permissions import by_method
from apps.accounts.requests import signed_in_user
from apps.canvas.models import CanvasDocument
from apps.canvas.selectors import get_document, list_documents, list_trash, read_layer_file
from apps.canvas.serializers import (
    CanvasChangesSerializer,
    CanvasSaveSerializer,
    CanvasSerializer,
    CanvasSummarySerializer,
    LayerFileSerializer,
    LayerUploadSerializer,
    NewCanvasSerializer,
)
from apps.canvas.services.documents import (
    create_document,
    create_from_image,
    duplicate_document,
    empty_trash,
    rename_document,
    restore_document,
    save_document,
    trash_document,
)
from apps.canvas.services.files import upload_layer
from apps.core.errors import TooLarge
from apps.core.pagination import KeysetPagination
from apps.core.rate_limits import Endpoint
from apps.images.answers import file_answer
from apps.images.api.formats import AnyFormat


class CanvasPagination(KeysetPagination):
    ordering = ("-updated_at", "-id")


@extend_schema_view(get=extend_schema(operation_id="canvases_list"))
class CanvasListView(ListAPIView[CanvasDocument]):
    """List one's canvases, what was saved last first; or make one."""

    required_scopes = by_method(GET=Scope.READ, POST=Scope.GENERATE)
    serializer_class = CanvasSummarySerializer
    pagination_class = CanvasPagination
    queryset = CanvasDocument.objects.none()

    def get_queryset(self) -> QuerySet[CanvasDocument]:
        return list_documents(user=signed_in_user(self.request))

    @extend_schema(
        request=NewCanvasSerializer,
        responses={201: CanvasSerializer},
        operation_id="canvases_create",
    )
    def post(self, request: Request) -> Response:
        """Make a canvas of a size, or one that begins with a picture."""
        form = NewCanvasSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        user = signed_in_user(request)
        image = asked.pop("image", None)
        if image is None:
            return _created(create_document(user=user, **asked))
        return _created(create_from_image(user=user, image_name=image, **asked))


class CanvasTrashPagination(KeysetPagination):
    ordering = ("-deleted_at", "-id")


@extend_schema_view(get=extend_schema(operation_id="canvases_trash_list"))
class CanvasTrashView(ListAPIView[CanvasDocument]):
    """List the canvases in the trash, what was thrown away last first; or empty it."""

    required_scopes = by_method(GET=Scope.READ, DELETE=Scope.MANAGE)
    serializer_class = CanvasSummarySerializer
    pagination_class = CanvasTrashPagination
    queryset = CanvasDocument.objects.none()

    def get_queryset(self) -> QuerySet[CanvasDocument]:
        return list_trash(user=signed_in_user(self.request))

    @extend_schema(responses={204: None}, operation_id="canvases_trash_empty")
    def delete(self, request: Request) -> Response:
        """Delete every canvas in the trash for good."""
        empty_trash(user=signed_in_user(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class CanvasView(APIView):
    """One canvas."""

    required_scopes = by_method(
        GET=Scope.READ, PUT=Scope.GENERATE, PATCH=Scope.GENERATE, DELETE=Scope.MANAGE
    )

    @extend_schema(responses=CanvasSerializer, operation_id="canvases_retrieve")
    def get(self, request: Request, canvas_id: uuid.UUID) -> Response:
        canvas = get_document(user=signed_in_user(request), document_id=canvas_id)
        return Response(CanvasSerializer(canvas).data)

    @extend_schema(
        request=CanvasSaveSerializer,
        responses=CanvasSummarySerializer,
        operation_id="canvases_save",
    )
    def put(self, request: Request, canvas_id: uuid.UUID) -> Response:
        """Save the document; 409 with the `version` there is if another save came first."""
        form = CanvasSaveSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = signed_in_user(request)
        canvas = save_document(user=user, document_id=canvas_id, **form.validated_data)
        return Response(CanvasSummarySerializer(canvas).data)

    @extend_schema(
        request=CanvasChangesSerializer,
        responses=CanvasSummarySerializer,
        operation_id="canvases_rename",
    )
    def patch(self, request: Request, canvas_id: uuid.UUID) -> Response:
        form = CanvasChangesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = signed_in_user(request)
        canvas = rename_document(user=user, document_id=canvas_id, **form.validated_data)
        return Response(CanvasSummarySerializer(canvas).data)

    @extend_schema(responses={204: None}, operation_id="canvases_trash")
    def delete(self, request: Request, canvas_id: uuid.UUID) -> Response:
        """Put the canvas into the trash, which keeps it for 30 days."""
        trash_document(user=signed_in_user(request), document_id=canvas_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class CanvasDuplicateView(APIView):
    """A copy of a canvas."""

    required_scopes = by_method(POST=Scope.GENERATE)

    @extend_schema(
        request=None, responses={201: CanvasSerializer}, operation_id="canvases_duplicate"
    )
    def post(self, request: Request, canvas_id: uuid.UUID) -> Response:
        return _created(duplicate_document(user=signed_in_user(request), document_id=canvas_id))


class CanvasRestoreView(APIView):
    """The way out of the trash."""

    required_scopes = by_method(POST=Scope.MANAGE)

    @extend_schema(request=None, responses=CanvasSummarySerializer, operation_id="canvases_restore")
    def post(self, request: Request, canvas_id: uuid.UUID) -> Response:
        canvas = restore_document(user=signed_in_user(request), document_id=canvas_id)
        return Response(CanvasSummarySerializer(canvas).data)


class LayerListView(APIView):
    """The files of a canvas."""

    required_scopes = by_method(POST=Scope.GENERATE)
    parser_classes = (MultiPartParser,)

    @extend_schema(
        request={"multipart/form-data": LayerUploadSerializer},
        responses={201: LayerFileSerializer},
        operation_id="canvas_layers_upload",
    )
    def post(self, request: Request, canvas_id: uuid.UUID) -> Response:
        """Upload the pixels of a layer; they are kept once a save names them."""
        form = LayerUploadSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        file = form.validated_data["file"]
        if file.size > settings.EASEL_UPLOAD_MAX_BYTES:
            raise TooLarge(_("The file is too large."), limit=settings.EASEL_UPLOAD_MAX_BYTES)
        stored = upload_layer(user=signed_in_user(request), document_id=canvas_id, file=file)
        return Response(LayerFileSerializer(stored).data, status=status.HTTP_201_CREATED)


class LayerView(APIView):
    """The pixels of a layer, or the preview of a canvas."""

    read_endpoint = Endpoint.FILE
    required_scopes = by_method(GET=Scope.READ)
    content_negotiation_class = AnyFormat

    @extend_schema(
        responses={(200, "image/png"): OpenApiTypes.BINARY}, operation_id="canvas_layers_retrieve"
    )
    def get(self, request: Request, canvas_id: uuid.UUID, name: uuid.UUID) -> HttpResponse:
        user = signed_in_user(request)
        content = read_layer_file(user=user, document_id=canvas_id, name=name)
        return file_answer(content, content_type="image/png", name=f"{name}.png")


def _created(canvas: CanvasDocument) -> Response:
    headers = {"Location": reverse("canvas", args=[canvas.id])}
    data = CanvasSerializer(canvas).data
    return Response(data, status=status.HTTP_201_CREATED, headers=headers)
