"""The queues of wake-ups, looked at from outside."""

import redis
from django.conf import settings

from apps.plans.tiers import TIER_BY_QUEUE


def empty_queues() -> None:
    """Lose every message, and what else lies in that Valkey, as a restart without data would."""
    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as client:
        client.flushdb()


def waiting_messages() -> int:
    """Count the wake-ups that no worker has taken."""
    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as client:
        return sum(int(client.llen(queue)) for queue in TIER_BY_QUEUE)
