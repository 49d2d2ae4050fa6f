import uuid

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.urls import reverse
from django.utils.http import quote_etag
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Scope
from apps.accounts.permissions import by_method
from apps.accounts.requests import signed_in_user
from apps.core.streaming import asked_part, streamed_file
from apps.images.archive_selectors import archive_pieces, get_archive, list_archives
from apps.images.archive_serializers import ArchiveRequestSerializer, ArchiveSerializer
from apps.images.exports import ExportFormat
from apps.images.models import Archive
from apps.images.services.archives import delete_archive, request_archive


@extend_schema_view(get=extend_schema(operation_id="image_archives_list"))
class ArchiveListView(ListAPIView[Archive]):
    """List one's archives, newest first; or ask for one."""

    # It gives no more than the pictures themselves, which that scope reads one by one.
    required_scopes = by_method(GET=Scope.READ, POST=Scope.READ)
    serializer_class = ArchiveSerializer
    queryset = Archive.objects.none()

    def get_queryset(self) -> QuerySet[Archive]:
        return list_archives(user=signed_in_user(self.request))

    @extend_schema(
        request=ArchiveRequestSerializer,
        responses={201: ArchiveSerializer},
        operation_id="image_archives_create",
    )
    def post(self, request: Request) -> Response:
        """Ask for a zip; few pictures are ready at once, many or encoded ones are made first."""
        form = ArchiveRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        archive = request_archive(
            user=signed_in_user(request),
            names=asked.get("images", ()),
            board=str(asked.get("board", "")),
            to=ExportFormat(asked["format"]),
            quality=asked["quality"],
        )
        headers = {"Location": reverse("image-archive", args=[archive.id])}
        data = ArchiveSerializer(archive).data
        return Response(data, status=status.HTTP_201_CREATED, headers=headers)


class ArchiveView(APIView):
    """One archive with its progress."""

    required_scopes = by_method(GET=Scope.READ, DELETE=Scope.READ)

    @extend_schema(responses=ArchiveSerializer, operation_id="image_archives_retrieve")
    def get(self, request: Request, archive_id: uuid.UUID) -> Response:
        archive = get_archive(user=signed_in_user(request), archive_id=archive_id)
        return Response(ArchiveSerializer(archive).data)

    @extend_schema(responses={204: None}, operation_id="image_archives_delete")
    def delete(self, request: Request, archive_id: uuid.UUID) -> Response:
        """Remove the archive with its file; one that is being made is given up."""
        delete_archive(user=signed_in_user(request), archive_id=archive_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ArchiveFileView(APIView):
    """The zip of an archive that is ready."""

    required_scopes = by_method(GET=Scope.READ)

    @extend_schema(
        responses={
            (200, "application/zip"): OpenApiTypes.BINARY,
            (206, "application/zip"): OpenApiTypes.BINARY,
        },
        operation_id="image_archives_file",
    )
    def get(self, request: Request, archive_id: uuid.UUID) -> StreamingHttpResponse:
        """Fetch it; one that is stored also from where a download broke off, by `Range`."""
        archive = get_archive(user=signed_in_user(request), archive_id=archive_id)
        if archive.is_streamed:
            return _zip_answer(request, archive)
        etag = quote_etag(str(archive.id))
        part = asked_part(request, size=archive.size_bytes, etag=etag)
        response = _zip_answer(request, archive, size=archive.size_bytes, part=part)
        response["Accept-Ranges"] = "bytes"
        response["ETag"] = etag
        return response


def _zip_answer(
    request: Request, archive: Archive, *, size: int | None = None, part: range | None = None
) -> StreamingHttpResponse:
    return streamed_file(
        request,
        archive_pieces(archive=archive, part=part),
        content_type="application/zip",
        name=f"Easel {archive.created_at:%Y-%m-%d}, {archive.total} pictures.zip",
        size=size,
        part=part,
    )
