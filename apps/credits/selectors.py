"""Reads on usage."""

import uuid
from datetime import UTC

from django.db.models import Sum
from django.utils import timezone

from apps.accounts.models import User
from apps.credits.models import UsageRecord


def credits_of_key_this_month(*, user: User, api_key_id: uuid.UUID) -> int:
    """Return the credits that jobs of a key were charged in this calendar month (UTC)."""
    month = timezone.now().astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    usage = UsageRecord.objects.filter(user=user, api_key_id=api_key_id, created_at__gte=month)
    return int(usage.aggregate(total=Sum("credits_consumed"))["total"] or 0)
