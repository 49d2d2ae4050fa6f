"""The JSON of what concerns an account."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.accounts.models import ApiKey, Scope
from apps.core.audit import WITHHELD
from apps.core.models import AuditRecord
from apps.core.serializers import TextField


class ActivitySerializer(serializers.ModelSerializer[AuditRecord]):
    """One act on the account; `by_you` tells it from an act of staff or of a stranger."""

    description = serializers.CharField(source="get_act_display")
    by_you = serializers.SerializerMethodField()

    class Meta:
        model = AuditRecord
        fields = ("id", "act", "description", "by_you", "target", "address", "created_at")

    def to_representation(self, instance: AuditRecord) -> dict[str, Any]:
        shown = super().to_representation(instance)
        if instance.is_by_another:
            shown |= {name: value for name, value in WITHHELD.items() if name in shown}
        return shown

    def get_by_you(self, record: AuditRecord) -> bool:
        return record.actor_id == record.user_id


class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    """A key as its owner sees it; the secret is not kept, so it is not here."""

    hint = serializers.CharField(read_only=True, help_text="How the secret begins.")
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices))

    class Meta:
        model = ApiKey
        fields = (
            "id",
            "name",
            "hint",
            "scopes",
            "monthly_credit_cap",
            "created_at",
            "expires_at",
            "last_used_at",
        )


class NewApiKeySerializer(ApiKeySerializer):
    """A key that was just made, with its secret."""

    secret = serializers.SerializerMethodField(help_text="Told this once; keep it safe.")

    class Meta(ApiKeySerializer.Meta):
        fields = (*ApiKeySerializer.Meta.fields, "secret")  # type: ignore[assignment]

    @extend_schema_field(serializers.CharField())
    def get_secret(self, key: ApiKey) -> str:
        del key
        return str(self.context["secret"])


class ApiKeyListSerializer(serializers.Serializer[Any]):
    results = ApiKeySerializer(many=True)


class ApiKeyChangeSerializer(serializers.Serializer[Any]):
    """What of a key can be changed."""

    name = TextField(max_length=100)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=Scope.choices),
        allow_empty=False,
        min_length=1,
        max_length=len(Scope),
        error_messages={
            "empty": _("Choose at least one scope."),
            "min_length": _("Choose at least one scope."),
        },
    )
    monthly_credit_cap = serializers.IntegerField(
        min_value=1,
        max_value=2**31 - 1,
        required=False,
        allow_null=True,
        help_text="The most credits this key may use in a calendar month (UTC).",
    )


class ApiKeyRequestSerializer(ApiKeyChangeSerializer):
    """A key to be made."""

    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="Nothing or null: it does not expire."
    )
