from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.generics import ListAPIView

from apps.accounts.requests import signed_in_user
from apps.accounts.serializers import ActivitySerializer
from apps.core.audit import list_acts
from apps.core.models import AuditRecord


@extend_schema_view(get=extend_schema(operation_id="account_activity"))
class ActivityView(ListAPIView[AuditRecord]):
    """List what was done to one's account, by oneself or by staff, newest first."""

    serializer_class = ActivitySerializer
    queryset = AuditRecord.objects.none()

    def get_queryset(self) -> QuerySet[AuditRecord]:
        return list_acts(user_id=signed_in_user(self.request).id)
