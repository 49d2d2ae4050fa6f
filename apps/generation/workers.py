"""Signs of life of the workers, for the people who look after them."""

import time

from django.core.cache import cache

from apps.plans.tiers import GpuTier

HEARTBEAT_SECONDS = 5
_LAST_SEEN = "workers:last_seen"


def report_alive() -> None:
    """Say that a worker is there; it counts as gone some heartbeats later."""
    cache.set(_LAST_SEEN, time.time(), timeout=10 * HEARTBEAT_SECONDS)


def seconds_since_last_sign() -> float | None:
    """Return how long ago any worker was heard of, `None` if none was lately."""
    last_seen = cache.get(_LAST_SEEN)
    return None if last_seen is None else max(0.0, time.time() - last_seen)


def live_workers(*, tier: GpuTier) -> int:
    """Return how many workers serve `tier`, as far as is known: one, if any was heard of lately."""
    del tier
    return int(seconds_since_last_sign() is not None)
