import uuid
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Scope
from apps.accounts.permissions import by_method
from apps.accounts.requests import credential_of, signed_in_user
from apps.accounts.selectors import get_key, list_keys
from apps.accounts.serializers import (
    ActivitySerializer,
    ApiKeyChangeSerializer,
    ApiKeyListSerializer,
    ApiKeyRequestSerializer,
    ApiKeySerializer,
    NewApiKeySerializer,
)
from apps.accounts.services.keys import create_key, revoke_key, update_key
from apps.core.audit import list_acts
from apps.core.models import AuditRecord


@extend_schema_view(get=extend_schema(operation_id="account_activity"))
class ActivityView(ListAPIView[AuditRecord]):
    """List what was done to one's account, by oneself or by staff, newest first."""

    required_scopes = by_method(GET=Scope.READ)
    serializer_class = ActivitySerializer
    queryset = AuditRecord.objects.none()

    def get_queryset(self) -> QuerySet[AuditRecord]:
        return list_acts(user_id=signed_in_user(self.request).id)


@method_decorator(never_cache, name="dispatch")
class ApiKeyListView(APIView):
    """List one's API keys, or make one."""

    required_scopes = by_method(GET=Scope.MANAGE, POST=Scope.MANAGE)

    @extend_schema(responses=ApiKeyListSerializer, operation_id="keys_list")
    def get(self, request: Request) -> Response:
        keys = list_keys(user=signed_in_user(request))
        return Response({"results": ApiKeySerializer(keys, many=True).data})

    @extend_schema(
        request=ApiKeyRequestSerializer,
        responses={201: NewApiKeySerializer},
        operation_id="keys_create",
    )
    def post(self, request: Request) -> Response:
        form = ApiKeyRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        key, secret = create_key(
            user=signed_in_user(request), granter=credential_of(request), **form.validated_data
        )
        data = NewApiKeySerializer(key, context={"secret": secret}).data
        location = reverse("key", args=[key.id])
        return Response(data, status=status.HTTP_201_CREATED, headers={"Location": location})


class ApiKeyView(APIView):
    """One API key: look at it, change it, revoke it."""

    required_scopes = by_method(GET=Scope.MANAGE, PATCH=Scope.MANAGE, DELETE=Scope.MANAGE)

    @extend_schema(responses=ApiKeySerializer, operation_id="keys_retrieve")
    def get(self, request: Request, key_id: uuid.UUID) -> Response:
        return _shown(get_key(user=signed_in_user(request), key_id=key_id))

    @extend_schema(
        request=ApiKeyChangeSerializer, responses=ApiKeySerializer, operation_id="keys_update"
    )
    def patch(self, request: Request, key_id: uuid.UUID) -> Response:
        form = ApiKeyChangeSerializer(data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        key = update_key(
            user=signed_in_user(request),
            key_id=key_id,
            granter=credential_of(request),
            changes=form.validated_data,
        )
        return _shown(key)

    @extend_schema(responses={204: None}, operation_id="keys_revoke")
    def delete(self, request: Request, key_id: uuid.UUID) -> Response:
        revoke_key(user=signed_in_user(request), key_id=key_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _shown(key: Any) -> Response:
    return Response(ApiKeySerializer(key).data)
