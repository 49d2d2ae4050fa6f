from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Scope, User
from apps.accounts.permissions import by_method
from apps.accounts.requests import signed_in_user
from apps.catalog.models import GenerationModel
from apps.catalog.requests import ALL_KINDS, ModelChangesSerializer, ModelListQuerySerializer
from apps.catalog.selectors import get_catalog_model, list_catalog
from apps.catalog.serializers import (
    GenerationModelListSerializer,
    GenerationModelSerializer,
    render_list,
)
from apps.catalog.services.own_models import delete_own_model, edit_own_model
from apps.plans.entitlements import entitlements_of


class GenerationModelListView(APIView):
    """The models that pictures can be made with, and those that help."""

    required_scopes = by_method(GET=Scope.READ)

    @extend_schema(
        parameters=[ModelListQuerySerializer],
        responses=GenerationModelListSerializer,
        operation_id="models_list",
    )
    def get(self, request: Request) -> Response:
        form = ModelListQuerySerializer(data=request.query_params.dict())
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        user = signed_in_user(request)
        models = list_catalog(user=user, base=asked["base"], words=asked["q"])
        if asked["kind"] != ALL_KINDS:
            models = models.filter(kind=asked["kind"])
        return Response({"results": render_list(models, user=user)})


class GenerationModelView(APIView):
    """One model; what is one's own can be changed."""

    required_scopes = by_method(GET=Scope.READ, PATCH=Scope.GENERATE, DELETE=Scope.MANAGE)

    @extend_schema(responses=GenerationModelSerializer, operation_id="models_retrieve")
    def get(self, request: Request, key: str) -> Response:
        user = signed_in_user(request)
        return Response(_rendered(get_catalog_model(user=user, key=key), user))

    @extend_schema(
        request=ModelChangesSerializer,
        responses=GenerationModelSerializer,
        operation_id="models_edit",
    )
    def patch(self, request: Request, key: str) -> Response:
        form = ModelChangesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = signed_in_user(request)
        return Response(_rendered(edit_own_model(user=user, key=key, **form.validated_data), user))

    @extend_schema(responses={204: None}, operation_id="models_delete")
    def delete(self, request: Request, key: str) -> Response:
        """Delete the model with its files; its pictures stay."""
        delete_own_model(user=signed_in_user(request), key=key)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _rendered(model: GenerationModel, user: User) -> dict[str, Any]:
    context = {"entitlements": entitlements_of(user_id=user.id)}
    return dict(GenerationModelSerializer(model, context=context).data)
