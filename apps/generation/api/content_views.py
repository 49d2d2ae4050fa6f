import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Scope
from apps.accounts.permissions import by_method
from apps.accounts.requests import signed_in_user
from apps.core.serializers import TextField
from apps.generation.models import ContentAppeal
from apps.generation.services.appeals import MOST_REASON, appeal_refusal


class AppealRequestSerializer(serializers.Serializer[Any]):
    reason = TextField(max_length=MOST_REASON, help_text="Why the refusal is wrong.")


class AppealSerializer(serializers.ModelSerializer[ContentAppeal]):
    """An appeal and what was said to it."""

    generation = serializers.UUIDField(source="job_id")

    class Meta:
        model = ContentAppeal
        fields = ("id", "generation", "state", "reason", "note", "created_at", "decided_at")


class GenerationAppealView(APIView):
    """Appeal against the refusal of a job's pictures, once."""

    required_scopes = by_method(POST=Scope.GENERATE)

    @extend_schema(
        request=AppealRequestSerializer,
        responses={201: AppealSerializer},
        operation_id="generations_appeal",
    )
    def post(self, request: Request, job_id: uuid.UUID) -> Response:
        form = AppealRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = signed_in_user(request)
        appeal = appeal_refusal(user=user, job_id=job_id, reason=form.validated_data["reason"])
        return Response(AppealSerializer(appeal).data, status=status.HTTP_201_CREATED)
