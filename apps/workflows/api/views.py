import uuid

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Scope
from apps.accounts.permissions import by_method
from apps.accounts.requests import signed_in_user
from apps.workflows.selectors import get_preset, get_wildcard, list_presets, list_wildcards
from apps.workflows.serializers import (
    MadePromptsSerializer,
    NewStylePresetSerializer,
    NewWildcardSerializer,
    PromptTemplatesSerializer,
    StylePresetChangesSerializer,
    StylePresetListSerializer,
    StylePresetSerializer,
    WildcardChangesSerializer,
    WildcardListSerializer,
    WildcardSerializer,
)
from apps.workflows.services import (
    create_preset,
    create_wildcard,
    delete_preset,
    delete_wildcard,
    edit_preset,
    edit_wildcard,
    make_prompts,
)


class StylePresetListView(APIView):
    """Styles: your own, and those that everybody has."""

    required_scopes = by_method(GET=Scope.READ, POST=Scope.GENERATE)

    @extend_schema(responses=StylePresetListSerializer, operation_id="style_presets_list")
    def get(self, request: Request) -> Response:
        presets = list_presets(user=signed_in_user(request))
        data = StylePresetSerializer(presets, many=True, context={"request": request}).data
        return Response({"results": data})

    @extend_schema(
        request=NewStylePresetSerializer,
        responses={201: StylePresetSerializer},
        operation_id="style_presets_create",
    )
    def post(self, request: Request) -> Response:
        form = NewStylePresetSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        preset = create_preset(user=signed_in_user(request), **form.validated_data)
        data = StylePresetSerializer(preset, context={"request": request}).data
        return Response(data, status=status.HTTP_201_CREATED)


class StylePresetView(APIView):
    """One style."""

    required_scopes = by_method(GET=Scope.READ, PATCH=Scope.GENERATE, DELETE=Scope.MANAGE)

    @extend_schema(responses=StylePresetSerializer, operation_id="style_presets_retrieve")
    def get(self, request: Request, preset_id: uuid.UUID) -> Response:
        preset = get_preset(user=signed_in_user(request), preset_id=preset_id)
        return Response(StylePresetSerializer(preset, context={"request": request}).data)

    @extend_schema(
        request=StylePresetChangesSerializer,
        responses=StylePresetSerializer,
        operation_id="style_presets_edit",
    )
    def patch(self, request: Request, preset_id: uuid.UUID) -> Response:
        form = StylePresetChangesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = signed_in_user(request)
        preset = edit_preset(user=user, preset_id=preset_id, **form.validated_data)
        return Response(StylePresetSerializer(preset, context={"request": request}).data)

    @extend_schema(responses={204: None}, operation_id="style_presets_delete")
    def delete(self, request: Request, preset_id: uuid.UUID) -> Response:
        delete_preset(user=signed_in_user(request), preset_id=preset_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class WildcardListView(APIView):
    """Wildcards: lists of values that templates of prompts name."""

    required_scopes = by_method(GET=Scope.READ, POST=Scope.GENERATE)

    @extend_schema(responses=WildcardListSerializer, operation_id="wildcards_list")
    def get(self, request: Request) -> Response:
        wildcards = list_wildcards(user=signed_in_user(request))
        return Response({"results": WildcardSerializer(wildcards, many=True).data})

    @extend_schema(
        request=NewWildcardSerializer,
        responses={201: WildcardSerializer},
        operation_id="wildcards_create",
    )
    def post(self, request: Request) -> Response:
        form = NewWildcardSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        wildcard = create_wildcard(user=signed_in_user(request), **form.validated_data)
        return Response(WildcardSerializer(wildcard).data, status=status.HTTP_201_CREATED)


class WildcardView(APIView):
    """One wildcard."""

    required_scopes = by_method(GET=Scope.READ, PATCH=Scope.GENERATE, DELETE=Scope.MANAGE)

    @extend_schema(responses=WildcardSerializer, operation_id="wildcards_retrieve")
    def get(self, request: Request, wildcard_id: uuid.UUID) -> Response:
        wildcard = get_wildcard(user=signed_in_user(request), wildcard_id=wildcard_id)
        return Response(WildcardSerializer(wildcard).data)

    @extend_schema(
        request=WildcardChangesSerializer,
        responses=WildcardSerializer,
        operation_id="wildcards_edit",
    )
    def patch(self, request: Request, wildcard_id: uuid.UUID) -> Response:
        form = WildcardChangesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = signed_in_user(request)
        wildcard = edit_wildcard(user=user, wildcard_id=wildcard_id, **form.validated_data)
        return Response(WildcardSerializer(wildcard).data)

    @extend_schema(responses={204: None}, operation_id="wildcards_delete")
    def delete(self, request: Request, wildcard_id: uuid.UUID) -> Response:
        delete_wildcard(user=signed_in_user(request), wildcard_id=wildcard_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class PromptExpansionView(APIView):
    """Prompts made of a template and a style, to be asked for afterwards."""

    required_scopes = by_method(POST=Scope.READ)

    @extend_schema(
        request=PromptTemplatesSerializer,
        responses=MadePromptsSerializer,
        operation_id="prompts_expand",
    )
    def post(self, request: Request) -> Response:
        """Expand `{a|b}`, `{2$$a|b|c}`, `{3::a|b}` and `__wildcard__`; nothing is generated."""
        form = PromptTemplatesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = make_prompts(user=signed_in_user(request), **form.validated_data)
        return Response({"prompts": [one._asdict() for one in made.prompts], "seed": made.seed})
