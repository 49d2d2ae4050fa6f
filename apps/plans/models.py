"""Who is on which plan, and until when."""

from django.db import models
from django.db.models import F, Q

from apps.core.models import TenantModel
from apps.plans.products import PLANS


class Subscription(TenantModel):
    """A user's time on a plan; without an end it runs until it is ended."""

    plan = models.CharField(max_length=32, choices=[(slug, slug) for slug in PLANS])
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gt=F("valid_from")),
                name="plans_subscription_ends_after_start",
            ),
        )
        indexes = (models.Index(fields=["user", "valid_from"], name="plans_subscription_user"),)

    def __str__(self) -> str:
        return f"{self.plan} from {self.valid_from:%Y-%m-%d}"
