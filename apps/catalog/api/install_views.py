import re
import uuid
from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Scope
from apps.accounts.permissions import by_method
from apps.accounts.requests import signed_in_user
from apps.catalog.install_serializers import ModelInstallListSerializer, ModelInstallSerializer
from apps.catalog.installs.requests import cancel_install, request_install, request_upload
from apps.catalog.installs.uploads import MOST_PART, add_part
from apps.catalog.requests import InstallRequestSerializer
from apps.catalog.selectors import get_install, list_installs
from apps.core.errors import Invalid, TooLarge

MOST_LISTED = 50
_CONTENT_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15}|\*)")


class BytesParser(BaseParser):
    """Takes a body as it is, up to the size of a part."""

    media_type = "application/octet-stream"

    def parse(
        self, stream: Any, media_type: Any = None, parser_context: Any = None
    ) -> Mapping[str, bytes]:
        """Return the body as `content`.

        Raises:
            TooLarge: it is more than a part.
        """
        del media_type, parser_context
        content: bytes = stream.read(MOST_PART + 1)
        if len(content) > MOST_PART:
            raise TooLarge(limit=MOST_PART)
        return {"content": content}


class ModelInstallListView(APIView):
    """List one's installs, newest first; or ask for one."""

    required_scopes = by_method(GET=Scope.READ, POST=Scope.GENERATE)

    @extend_schema(responses=ModelInstallListSerializer, operation_id="model_installs_list")
    def get(self, request: Request) -> Response:
        installs = list_installs(user=signed_in_user(request))[:MOST_LISTED]
        return Response({"results": ModelInstallSerializer(installs, many=True).data})

    @extend_schema(
        request=InstallRequestSerializer,
        responses={202: ModelInstallSerializer},
        operation_id="model_installs_create",
    )
    def post(self, request: Request) -> Response:
        """Install a model in the background: from the hub, a URL, or an upload in parts."""
        form = InstallRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        wanted = dict(form.validated_data)
        user = signed_in_user(request)
        sha256 = wanted.pop("sha256", "")
        upload = wanted.pop("upload", None)
        if upload is None:
            source = wanted.pop("source")
            install = request_install(
                user=user, source=source, wanted=wanted, expected_sha256=sha256
            )
        else:
            install = request_upload(user=user, wanted=wanted, expected_sha256=sha256, **upload)
        headers = {"Location": reverse("model-install", args=[install.id])}
        data = ModelInstallSerializer(install).data
        return Response(data, status=status.HTTP_202_ACCEPTED, headers=headers)


class ModelInstallView(APIView):
    """One install with its progress."""

    required_scopes = by_method(GET=Scope.READ)

    @extend_schema(responses=ModelInstallSerializer, operation_id="model_installs_retrieve")
    def get(self, request: Request, install_id: uuid.UUID) -> Response:
        install = get_install(user=signed_in_user(request), install_id=install_id)
        return Response(ModelInstallSerializer(install).data)


class ModelInstallCancelView(APIView):
    """Give an install up."""

    required_scopes = by_method(POST=Scope.GENERATE)

    @extend_schema(
        request=None, responses={202: ModelInstallSerializer}, operation_id="model_installs_cancel"
    )
    def post(self, request: Request, install_id: uuid.UUID) -> Response:
        """Give it up; one that has ended stays as it is."""
        install = cancel_install(user=signed_in_user(request), install_id=install_id)
        return Response(ModelInstallSerializer(install).data, status=status.HTTP_202_ACCEPTED)


class ModelInstallContentView(APIView):
    """The content of an upload, in parts."""

    required_scopes = by_method(PUT=Scope.GENERATE)
    parser_classes = (BytesParser,)

    @extend_schema(
        request={"application/octet-stream": OpenApiTypes.BINARY},
        parameters=[
            OpenApiParameter(
                "Content-Range",
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                description="`bytes first-last/total`; without it the body is the whole file.",
            )
        ],
        responses=ModelInstallSerializer,
        operation_id="model_installs_upload",
    )
    def put(self, request: Request, install_id: uuid.UUID) -> Response:
        """Send a part of up to 16 MiB; parts follow each other, and one may be sent again.

        `done_bytes` of the install says where the next one begins.
        """
        body = request.data
        content: bytes = body.get("content", b"") if isinstance(body, dict) else b""
        offset = _offset(request.headers.get("Content-Range"), len(content))
        user = signed_in_user(request)
        install = add_part(user=user, install_id=install_id, offset=offset, content=content)
        return Response(ModelInstallSerializer(install).data)


def _offset(header: str | None, size: int) -> int:
    if header is None:
        return 0
    found = _CONTENT_RANGE.fullmatch(header)
    if found is None or int(found[2]) - int(found[1]) + 1 != size:
        message = _("Write it as “bytes first-last/total”, as many bytes as the body has.")
        raise Invalid(fields={"Content-Range": [message]})
    return int(found[1])
