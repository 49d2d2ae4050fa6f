"""Say which queries are slow, wherever they run: requests, tasks, the scheduler, commands.

Each is a line `slow_query` in the log, with the shape of the SQL and never a value, is counted
for `/metrics`, and is told to Sentry, once a minute for each place in the code.
"""

import time
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from apps.core.breaker import Breaker
from apps.core.errors import new_error_id
from apps.core.sentry import report
from apps.core.sql_shapes import caller, shape

logger = structlog.get_logger(__name__)

Execute = Callable[[str, Any, bool, dict[str, Any]], Any]

# Any process may meet a slow query, and only one of them is asked for its metrics. So they are
# counted in Redis; a count that begins anew is what Prometheus expects of a counter.
_COUNTS = "slow_queries"
_counting = Breaker("slow_queries_uncounted", pause_seconds=5.0)
_REPORT_EVERY_SECONDS = 60.0
_reported_at: dict[str, float] = {}


class SlowQueryError(Exception):
    """A query took too long; which, the log says under the same id."""


def watch(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Have the time of each query on `connection` taken; for the signal `connection_created`."""
    if _time not in connection.execute_wrappers:
        # First, so that it is around all others and outlives those that come and go.
        connection.execute_wrappers.insert(0, _time)


def _time(execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:  # noqa: FBT001  (Django calls it so)
    started = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        seconds = time.perf_counter() - started
        if seconds >= settings.EASEL_SLOW_QUERY_SECONDS:
            _tell(sql, seconds, context["connection"].alias)


def _tell(sql: str, seconds: float, database: str) -> None:
    place, error_id = caller(), new_error_id()
    logger.warning(
        "slow_query",
        sql=shape(sql),
        duration_ms=round(seconds * 1000),
        caller=place,
        database=database,
        error_id=error_id,
    )
    _count(database, place.partition(":")[0])
    now = time.monotonic()
    if now - _reported_at.get(place, -_REPORT_EVERY_SECONDS) >= _REPORT_EVERY_SECONDS:
        _reported_at[place] = now
        report(SlowQueryError(), error_id=error_id, code="slow_query", place=place)


def _count(database: str, file: str) -> None:
    if not _counting.may_try():
        return
    try:
        get_redis_connection("default").hincrby(_COUNTS, f"{database} {file}", 1)
    except (RedisError, OSError) as error:
        _counting.found_ill(type(error).__name__)
    else:
        _counting.found_well()


def list_counts() -> list[tuple[str, str, int]]:
    """List database, file and how many slow queries it had; empty while Redis is away."""
    try:
        counts = get_redis_connection("default").hgetall(_COUNTS)
    except (RedisError, OSError):
        return []
    keys = [(*key.decode().split(" ", 1), int(count)) for key, count in counts.items()]
    return sorted(keys)
