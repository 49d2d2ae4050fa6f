"""How fair quotes are: what was quoted over what was charged, for each kind of job."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from apps.credits.costs import MOST_OVER_CHEAP, MOST_OVER_MEDIAN

JUDGED_FROM = 20
JUDGED_AT_MOST = 100
DAYS = 90
MOST_KINDS = 500

# The first jobs of a kind are quoted by a figure of before; they count only until there are
# others. A job that was cancelled halfway was quoted for more than it made.
_FAIRNESS = """
WITH jobs AS (
    SELECT model_used, gpu_tier, width, height, steps, batch_size,
        credits_quoted::float8 / credits_consumed AS ratio,
        row_number() OVER (kind ORDER BY created_at DESC, id DESC) AS latest,
        count(*) OVER kind AS total
    FROM credits_usagerecord
    WHERE is_whole AND credits_consumed > 0 AND credits_quoted IS NOT NULL
        AND created_at >= %(since)s
    WINDOW kind AS (PARTITION BY model_used, gpu_tier, width, height, steps, batch_size)
)
SELECT model_used, gpu_tier, width, height, steps, batch_size, total, count(*),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY ratio),
    percentile_cont(0.95) WITHIN GROUP (ORDER BY ratio)
FROM jobs
WHERE total >= %(from)s
    AND latest <= least(%(most)s, greatest(%(from)s, total - %(from)s))
GROUP BY model_used, gpu_tier, width, height, steps, batch_size, total
ORDER BY percentile_cont(0.5) WITHIN GROUP (ORDER BY ratio) DESC, model_used, gpu_tier, width,
    height, steps, batch_size
LIMIT %(kinds)s
"""


@dataclass(frozen=True, slots=True)
class Fairness:
    """The quotes of a kind of job: of its `judged` last jobs, median and p95 over the charge."""

    model: str
    tier: str
    width: int
    height: int
    steps: int
    batch_size: int
    total: int
    judged: int
    median: float
    p95: float

    @property
    def median_is_fair(self) -> bool:
        return self.median <= MOST_OVER_MEDIAN

    @property
    def p95_is_fair(self) -> bool:
        return self.p95 <= MOST_OVER_CHEAP

    @property
    def is_fair(self) -> bool:
        return self.median_is_fair and self.p95_is_fair


def fairness_of_quotes() -> list[Fairness]:
    """List the kinds with at least `JUDGED_FROM` jobs in `DAYS`, the dearest first; one query."""
    values: dict[str, datetime | int] = {
        "since": timezone.now() - timedelta(days=DAYS),
        "from": JUDGED_FROM,
        "most": JUDGED_AT_MOST,
        "kinds": MOST_KINDS,
    }
    with connection.cursor() as cursor:
        cursor.execute(_FAIRNESS, values)
        return [Fairness(*row) for row in cursor.fetchall()]
