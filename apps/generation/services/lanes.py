"""Take the lanes of a user: PostgreSQL keeps them, services only lock and pause them."""

import uuid

from django.db import connection

from apps.generation.models import Lane
from apps.plans.tiers import GpuTier


def lock_lanes(*, user_id: uuid.UUID) -> None:
    """Let nobody else claim, end or reorder jobs of a user until the end of the transaction.

    Whoever needs rows of jobs too takes them after it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT easel_lock_lanes(%s)", [user_id])


def open_lane(*, user_id: uuid.UUID, tier: GpuTier) -> list[Lane]:
    """Lock the lanes of a user, of which there is one in `tier` from now on, and return them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT easel_open_lane(%s, %s)", [user_id, tier])
    return list(Lane.objects.filter(user=user_id))


def set_pause(*, user_id: uuid.UUID, tier: GpuTier, paused: bool) -> None:
    """Pause or resume every lane of a user; one in `tier` is there from now on."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT easel_pause_queue(%s, %s, %s)", [user_id, tier, paused])
