"""What workers count and measure, kept where the service that is asked for metrics finds it.

No worker can be asked: it listens to a queue alone. So each keeps its counts in Redis, as slow
queries are; a count that begins anew is what Prometheus expects of a counter.
"""

import json
from collections.abc import Iterable, Iterator, Sequence

from django_redis import get_redis_connection
from redis.exceptions import RedisError

from apps.core.breaker import Breaker
from apps.core.observability.figures import Figure
from apps.core.observability.metric import Kind

_COUNTS = "worker_counts"
_GAUGES = "worker_gauges"
# A gauge of a worker that has gone is no more told.
GAUGE_SECONDS = 120
_keeping = Breaker("worker_figures_not_kept", pause_seconds=5.0)


def keep_worker_figures(figures: Iterable[Figure], *, worker: str) -> None:
    """Keep the gauges of a worker as they are now, and add what it counted since the last time."""
    if not _keeping.may_try():
        return
    gauges: list[tuple[str, float, dict[str, str]]] = []
    try:
        with get_redis_connection("default").pipeline(transaction=False) as redis:
            for figure in figures:
                if figure.metric.kind is Kind.COUNTER:
                    field = json.dumps([figure.key, dict(figure.labels)], sort_keys=True)
                    redis.hincrbyfloat(_COUNTS, field, figure.value)
                elif not isinstance(figure.value, Sequence):
                    gauges.append((figure.key, figure.value, dict(figure.labels)))
            redis.set(f"{_GAUGES}:{worker}", json.dumps(gauges), ex=GAUGE_SECONDS)
            redis.sadd(_GAUGES, worker)
            redis.execute()
    except (RedisError, OSError) as error:
        _keeping.found_ill(type(error).__name__)
    else:
        _keeping.found_well()


def list_worker_figures() -> list[Figure]:
    """List what all workers counted, and the gauges of those alive; empty while Redis is away."""
    try:
        return list(_read())
    except (RedisError, OSError):
        return []


def _read() -> Iterator[Figure]:
    redis = get_redis_connection("default")
    for field, count in redis.hgetall(_COUNTS).items():
        key, labels = json.loads(field)
        yield Figure(key, float(count), labels)
    for worker in sorted(redis.smembers(_GAUGES)):
        kept = redis.get(f"{_GAUGES}:{worker.decode()}")
        if kept is None:
            redis.srem(_GAUGES, worker)
            continue
        for key, value, labels in json.loads(kept):
            yield Figure(key, value, labels)
