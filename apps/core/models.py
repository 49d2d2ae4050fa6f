"""Abstract bases of the tables."""

import uuid

from django.conf import settings
from django.db import models


class TimestampedModel(models.Model):
    """A row with its times; PostgreSQL keeps `updated_at` by the trigger of `operations`."""

    created_at = models.DateTimeField(auto_now_add=True, editable=False)
    updated_at = models.DateTimeField(auto_now=True, editable=False)

    class Meta:
        abstract = True


class TenantModel(TimestampedModel):
    """A row that belongs to one user and is never seen by another."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")

    class Meta:
        abstract = True
