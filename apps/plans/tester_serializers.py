"""The JSON of tester grants."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.serializers import TextField
from apps.plans.models import TesterGrant
from apps.plans.products import TESTER_CREDITS, TESTER_DAYS, TESTER_REASON_LENGTH
from apps.plans.selectors import TesterState, state_of
from apps.plans.services.testers import MAX_TESTER_CREDITS

_MAX_REASON = 1000


class ReasonSerializer(serializers.Serializer[Any]):
    """Why something is done, for the record."""

    reason = TextField(min_length=TESTER_REASON_LENGTH, max_length=_MAX_REASON)


class TesterGrantRequestSerializer(ReasonSerializer):
    """Who is to test, by id or by e-mail, with how many credits, for how long and why."""

    user_id = serializers.UUIDField(required=False)
    email = TextField(max_length=254, required=False)
    credits = serializers.IntegerField(
        min_value=1, max_value=MAX_TESTER_CREDITS, default=TESTER_CREDITS
    )
    days = serializers.IntegerField(min_value=TESTER_DAYS[0], max_value=TESTER_DAYS[-1])


class TesterGrantFilterSerializer(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=TesterState.choices, required=False)
    user_id = serializers.UUIDField(required=False)
    email = TextField(max_length=254, required=False)


class IdempotencyKeySerializer(serializers.Serializer[Any]):
    idempotency_key = serializers.CharField(max_length=255, required=False)


class TesterGrantSerializer(serializers.ModelSerializer[TesterGrant]):
    """A tester grant with who gave it and what has become of it."""

    url = serializers.SerializerMethodField()
    state = serializers.SerializerMethodField()
    email = serializers.CharField(source="user.email", read_only=True)
    ends_at = serializers.DateTimeField(read_only=True)
    granted_by_email = serializers.CharField(allow_null=True, read_only=True)
    revoked_by_email = serializers.CharField(allow_null=True, read_only=True)

    class Meta:
        model = TesterGrant
        fields = (
            *("id", "url", "user_id", "email", "credits", "days", "reason", "state"),
            *("created_at", "ends_at", "granted_by", "granted_by_email"),
            *("revoked_at", "revoked_by", "revoked_by_email", "revoke_reason"),
        )
        read_only_fields = fields

    def get_url(self, grant: TesterGrant) -> str:
        return reverse("tester-grant", args=[grant.id])

    @extend_schema_field(serializers.ChoiceField(choices=TesterState.choices))
    def get_state(self, grant: TesterGrant) -> str:
        return state_of(grant)
