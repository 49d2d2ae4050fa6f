"""How the business goes at this moment, for the dashboards of the operators."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count, Q, Sum
from django.utils import timezone

from apps.core.observability.figures import Figure
from apps.core.tenancy import service_scope
from apps.credits.models import UsageRecord
from apps.credits.usage import MAKES_PICTURES
from apps.dashboard.reports.revenue import monthly_recurring_dollars


def measure_business() -> Iterator[Figure]:
    """Yield users at work, pictures, credits and revenue; two queries over a day of usage."""
    now = timezone.now()
    last_hour = Q(created_at__gte=now - timedelta(hours=1))
    with service_scope("measure the business"):
        found = UsageRecord.objects.filter(created_at__gte=now - timedelta(days=1)).aggregate(
            users=Count("user_id", distinct=True),
            pictures=Sum("batch_size", filter=last_hour & MAKES_PICTURES, default=0),
            credits=Sum("credits_consumed", filter=last_hour, default=0),
        )
        revenue = monthly_recurring_dollars()
    yield Figure("active_users", found["users"])
    yield Figure("pictures_last_hour", found["pictures"])
    yield Figure("credits_last_hour", found["credits"])
    yield Figure("recurring_revenue_dollars", float(revenue))
