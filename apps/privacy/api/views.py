import uuid

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
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
from apps.core.streaming import streamed_file
from apps.privacy.models import DataRequest
from apps.privacy.selectors import export_pieces, get_request, list_requests
from apps.privacy.serializers import DataRequestSerializer, DeletionSerializer
from apps.privacy.services.requests import request_deletion, request_export


@extend_schema_view(get=extend_schema(operation_id="data_requests_list"))
class DataRequestListView(ListAPIView[DataRequest]):
    """List one's exports and deletions, newest first."""

    required_scopes = by_method(GET=Scope.READ)
    serializer_class = DataRequestSerializer
    queryset = DataRequest.objects.none()

    def get_queryset(self) -> QuerySet[DataRequest]:
        return list_requests(user=signed_in_user(self.request))


class DataRequestView(APIView):
    """One request with its progress."""

    required_scopes = by_method(GET=Scope.READ)

    @extend_schema(responses=DataRequestSerializer, operation_id="data_requests_retrieve")
    def get(self, request: Request, request_id: uuid.UUID) -> Response:
        found = get_request(user=signed_in_user(request), request_id=request_id)
        return Response(DataRequestSerializer(found).data)


class DataRequestFileView(APIView):
    """The zip of a finished export."""

    required_scopes = by_method(GET=Scope.MANAGE)

    @extend_schema(
        responses={(200, "application/zip"): OpenApiTypes.BINARY}, operation_id="data_requests_file"
    )
    def get(self, request: Request, request_id: uuid.UUID) -> StreamingHttpResponse:
        found = get_request(user=signed_in_user(request), request_id=request_id)
        return streamed_file(
            request,
            export_pieces(found=found),
            content_type="application/zip",
            name="easel-export.zip",
            size=found.file_size_bytes,
        )


class ExportView(APIView):
    """Ask for a file with all of one's data."""

    required_scopes = by_method(POST=Scope.MANAGE)

    @extend_schema(
        request=None, responses={202: DataRequestSerializer}, operation_id="account_export"
    )
    def post(self, request: Request) -> Response:
        return _accepted(request_export(user=signed_in_user(request)))


class DeletionView(APIView):
    """Ask that the account be deleted, with everything in it. It cannot be undone."""

    required_scopes = by_method(POST=Scope.MANAGE)

    @extend_schema(
        request=DeletionSerializer,
        responses={202: DataRequestSerializer},
        operation_id="account_deletion",
    )
    def post(self, request: Request) -> Response:
        form = DeletionSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = signed_in_user(request)
        return _accepted(request_deletion(user=user, email=form.validated_data["email"]))


def _accepted(found: DataRequest) -> Response:
    data = DataRequestSerializer(found).data
    return Response(data, status=status.HTTP_202_ACCEPTED, headers={"Location": data["url"]})
