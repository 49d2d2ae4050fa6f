"""The JSON of what concerns an account."""

from rest_framework import serializers

from apps.core.models import AuditRecord


class ActivitySerializer(serializers.ModelSerializer[AuditRecord]):
    """One act on the account; `by_you` tells it from an act of staff or of a stranger."""

    description = serializers.CharField(source="get_act_display")
    by_you = serializers.SerializerMethodField()

    class Meta:
        model = AuditRecord
        fields = ("id", "act", "description", "by_you", "target", "address", "created_at")

    def get_by_you(self, record: AuditRecord) -> bool:
        return record.actor_id == record.user_id
