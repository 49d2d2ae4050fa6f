"""The API of staff: tester grants."""

import uuid
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.credentials import CredentialKind
from apps.accounts.models import Scope
from apps.accounts.permissions import by_method
from apps.accounts.requests import credential_of, signed_in_user
from apps.core.audit import record_act
from apps.core.errors import Forbidden
from apps.core.models import Act
from apps.core.tenancy import enter_service, service_scope
from apps.plans.models import TesterGrant
from apps.plans.selectors import find_tester, get_tester_grant, search_tester_grants
from apps.plans.services.testers import grant_tester_plan, revoke_tester_plan
from apps.plans.tester_serializers import (
    IdempotencyKeySerializer,
    ReasonSerializer,
    TesterGrantFilterSerializer,
    TesterGrantRequestSerializer,
    TesterGrantSerializer,
)

IDEMPOTENCY_HEADER = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="The same key with the same body gives the same grant; at most 255 characters.",
)


class MayGrant(BasePermission):
    """Admit staff who may grant the tester plan, signed in or with a token of the provider.

    No API keys: they live for long and in many hands, and this gives credits away.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        del view
        user = signed_in_user(request)
        if not user.is_staff or credential_of(request).kind == CredentialKind.API_KEY:
            raise Forbidden
        # What a group may do is not for a tenant to see.
        with service_scope("rights of staff"):
            if not user.has_perm("plans.add_testergrant"):
                raise Forbidden
        return True


class StaffView(APIView):
    """A view that sees the rows of all users, once it is known who asks."""

    permission_classes = (*APIView.permission_classes, MayGrant)
    refuses_keys = True

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        enter_service(f"API of staff: {request.method} {request.path}")
        record_act(
            act=Act.SERVICE_SCOPE,
            user_id=None,
            actor_id=signed_in_user(request).id,
            target=f"{request.method} {request.path}",
        )


class TesterGrantListView(StaffView, ListAPIView[TesterGrant]):
    """List the grants of the tester plan, newest first; or grant it to a user."""

    required_scopes = by_method(GET=Scope.MANAGE, POST=Scope.MANAGE)
    serializer_class = TesterGrantSerializer
    queryset = TesterGrant.objects.none()

    def get_queryset(self) -> QuerySet[TesterGrant]:
        query = TesterGrantFilterSerializer(data=self.request.query_params.dict())
        query.is_valid(raise_exception=True)
        return search_tester_grants(**query.validated_data)

    @extend_schema(parameters=[TesterGrantFilterSerializer], operation_id="tester_grants_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        request=TesterGrantRequestSerializer,
        parameters=[IDEMPOTENCY_HEADER],
        responses={201: TesterGrantSerializer},
        operation_id="tester_grants_create",
    )
    def post(self, request: Request) -> Response:
        form = TesterGrantRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        key = request.headers.get("Idempotency-Key")
        header = IdempotencyKeySerializer(data={} if key is None else {"idempotency_key": key})
        header.is_valid(raise_exception=True)
        facts = dict(form.validated_data)
        user = find_tester(user_id=facts.pop("user_id", None), email=facts.pop("email", None))
        actor = signed_in_user(request)
        key = header.validated_data.get("idempotency_key")
        grant = grant_tester_plan(user=user, actor=actor, key=key, **facts)
        data = TesterGrantSerializer(get_tester_grant(grant_id=grant.id)).data
        return Response(data, status=status.HTTP_201_CREATED, headers={"Location": data["url"]})


class TesterGrantView(StaffView):
    """One grant of the tester plan."""

    required_scopes = by_method(GET=Scope.MANAGE)

    @extend_schema(responses=TesterGrantSerializer, operation_id="tester_grants_retrieve")
    def get(self, request: Request, grant_id: uuid.UUID) -> Response:
        del request
        return Response(TesterGrantSerializer(get_tester_grant(grant_id=grant_id)).data)


class TesterGrantRevokeView(StaffView):
    """Take a grant back, with the credits that are left of it."""

    required_scopes = by_method(POST=Scope.MANAGE)

    @extend_schema(
        request=ReasonSerializer,
        responses=TesterGrantSerializer,
        operation_id="tester_grants_revoke",
    )
    def post(self, request: Request, grant_id: uuid.UUID) -> Response:
        form = ReasonSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        actor = signed_in_user(request)
        revoke_tester_plan(grant_id=grant_id, actor=actor, reason=form.validated_data["reason"])
        return Response(TesterGrantSerializer(get_tester_grant(grant_id=grant_id)).data)
