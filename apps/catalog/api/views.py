from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Scope
from apps.accounts.permissions import by_method
from apps.accounts.requests import signed_in_user
from apps.catalog.serializers import GenerationModelListSerializer, render_models


class GenerationModelListView(APIView):
    """The models that pictures can be made with."""

    required_scopes = by_method(GET=Scope.READ)

    @extend_schema(responses=GenerationModelListSerializer, operation_id="models_list")
    def get(self, request: Request) -> Response:
        return Response({"results": render_models(user=signed_in_user(request))})
