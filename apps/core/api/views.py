from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class VersionSerializer(serializers.Serializer[dict[str, str]]):
    version = serializers.CharField()


class VersionView(APIView):
    """Tell the version that is running; asks no part, so it is also the cheapest health check."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = ()

    @extend_schema(responses=VersionSerializer, operation_id="app_version")
    def get(self, request: Request) -> Response:
        del request
        return Response({"version": settings.EASEL_VERSION})
