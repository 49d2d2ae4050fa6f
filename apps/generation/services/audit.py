"""Prove that jobs and credits agree, every night and whenever asked."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.core.cache import cache
from django.utils import timezone

from apps.core.errors import new_error_id
from apps.core.sentry import report
from apps.credits.services.audit import BOOKS, Drift, find_drift

logger = structlog.get_logger(__name__)

# 03:00 in Seoul.
HOUR = 18
REMEMBERED_SECONDS = 2 * 24 * 3600
_LAST = "audit_credits:last"

JOBS = {
    "ended_job_still_holds": """
        SELECT job.id FROM generation_job job JOIN credits_hold hold
            ON hold.user_id = job.user_id AND hold.job_id = job.id
        WHERE job.state IN ('succeeded', 'failed', 'cancelled') AND NOT EXISTS (
            SELECT FROM credits_posting part
            WHERE part.user_id = hold.user_id AND part.hold_id = hold.id
                AND part.kind IN ('settle', 'release'))
    """,
    "active_job_holds_nothing": """
        SELECT job.id FROM generation_job job
        WHERE job.state IN ('queued', 'running') AND NOT EXISTS (
            SELECT FROM credits_hold hold
            WHERE hold.user_id = job.user_id AND hold.job_id = job.id AND NOT EXISTS (
                SELECT FROM credits_posting part
                WHERE part.user_id = hold.user_id AND part.hold_id = hold.id
                    AND part.kind IN ('settle', 'release')))
    """,
    # The jobs of a deleted account go; its books stay.
    "hold_of_no_job": """
        SELECT hold.id FROM credits_hold hold
        JOIN accounts_user owner ON owner.id = hold.user_id AND owner.is_active
        WHERE NOT EXISTS (
            SELECT FROM generation_job job
            WHERE job.user_id = hold.user_id AND job.id = hold.job_id)
    """,
    "lane_differs_from_its_jobs": """
        SELECT lane.id FROM generation_lane lane
        WHERE (lane.waiting, lane.waiting_background, lane.running) <> (
            SELECT
                count(*) FILTER (WHERE job.state = 'queued' AND job.priority <> 'background'),
                count(*) FILTER (WHERE job.state = 'queued' AND job.priority = 'background'),
                count(*) FILTER (WHERE job.state = 'running')
            FROM generation_job job
            WHERE job.user_id = lane.user_id AND job.tier = lane.tier
                AND job.state IN ('queued', 'running'))
    """,
    "usage_differs_from_the_charge": """
        SELECT usage.job_id FROM credits_usagerecord usage
        JOIN credits_hold hold ON hold.user_id = usage.user_id AND hold.job_id = usage.job_id
        WHERE usage.credits_consumed <> (
            SELECT coalesce(sum(part.spent), 0) FROM credits_posting part
            WHERE part.user_id = hold.user_id AND part.hold_id = hold.id AND part.kind = 'settle')
    """,
    "picture_without_usage": """
        SELECT job.id FROM generation_job job WHERE job.state = 'succeeded' AND NOT EXISTS (
            SELECT FROM credits_usagerecord usage
            WHERE usage.user_id = job.user_id AND usage.job_id = job.id)
    """,
    "charge_without_usage": """
        SELECT hold.job_id FROM credits_hold hold JOIN credits_posting part
            ON part.user_id = hold.user_id AND part.hold_id = hold.id AND part.kind = 'settle'
        WHERE NOT EXISTS (
            SELECT FROM credits_usagerecord usage
            WHERE usage.user_id = hold.user_id AND usage.job_id = hold.job_id)
        GROUP BY hold.job_id
    """,
}


class BooksDriftedError(Exception):
    """The books do not add up; what was found is in the log under the same id."""


@dataclass(frozen=True, slots=True)
class Audit:
    """When the books were looked at last, and how many rules were broken then."""

    at: datetime
    broken_rules: int


def audit_credits() -> list[Drift]:
    """Return every kind of drift, in the books and between them and the jobs, as of one moment."""
    drifts = find_drift({**BOOKS, **JOBS})
    cache.set(_LAST, Audit(timezone.now(), len(drifts)), timeout=REMEMBERED_SECONDS)
    return drifts


def last_audit() -> Audit | None:
    """Return how the last audit of the last two days went; `None` if none is remembered."""
    found: Audit | None = cache.get(_LAST)
    return found


def audit_nightly() -> int:
    """Audit once a night, and raise an alarm on drift; return how many rules are broken."""
    # A night that the scheduler slept through is made up for when it wakes.
    begun = timezone.now() - timedelta(hours=HOUR)
    night = f"audit_credits:{begun:%Y-%m-%d}"
    if not cache.add(night, "begun", timeout=REMEMBERED_SECONDS):
        return 0
    try:
        drifts = audit_credits()
    except BaseException:
        # The database was away, say; the night is not done.
        cache.delete(night)
        raise
    if drifts:
        error_id = new_error_id()
        for drift in drifts:
            logger.error(
                "books_drifted",
                error_id=error_id,
                rule=drift.rule,
                count=drift.count,
                ids=list(drift.ids),
            )
        rules = ", ".join(drift.rule for drift in drifts)
        report(BooksDriftedError(rules), error_id=error_id, code="books_drifted")
    else:
        logger.info("books_proved")
    return len(drifts)
