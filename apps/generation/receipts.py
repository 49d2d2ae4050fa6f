"""What a job was quoted, what it took and what it cost, for the one who pays."""

import csv
import io
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import models
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.accounts.selectors import names_of_keys
from apps.core.errors import ErrorCode
from apps.core.tenancy import tenant_scope
from apps.credits.selectors import HoldFacts, holds_of_jobs
from apps.credits.usage import Span
from apps.generation.models import Job, JobState
from apps.generation.provided import terms_of_job
from apps.generation.selectors import get_job, images_of, list_jobs
from apps.images.models import Image
from apps.providers.selectors import Terms

ROWS_A_CHUNK = 500


class Outcome(models.TextChoices):
    """How an attempt at a job went; of a lost one the work was done anew."""

    RUNNING = "running", _("running")
    SUCCEEDED = "succeeded", _("done")
    CANCELLED = "cancelled", _("cancelled")
    FAILED = "failed", _("failed")
    LOST = "lost", _("lost")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a worker: the seconds that count and what they cost, `None` while it runs.

    Lost and failed attempts count for nothing.
    """

    attempt: int
    seconds: float | None
    charged: int | None
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Receipt:
    """The account of a job, in credits; `charged` is `None` until it ends.

    `quoted` is also what was held; jobs from before there were holds have none. The receipt of one
    job has its pictures, and `made_with` names what they were made with, where any is left.
    """

    job: Job
    quoted: int | None
    charged: int | None
    released: int
    refunded: int
    attempts: Sequence[Attempt]
    key_name: str | None
    images: Sequence[Image] = ()
    made_with: Mapping[str, Any] | None = None

    @property
    def terms(self) -> Terms | None:
        """Return on which terms another service made the pictures; `None` if the engine did."""
        return terms_of_job(self.job)

    @property
    def pictures_charged(self) -> int | None:
        """Return how many pictures the charge is for, where each has a price."""
        if self.terms is None or self.charged is None:
            return None
        return self.charged // self.terms.credits_a_picture

    @property
    def held(self) -> int:
        return self.quoted or 0

    @property
    def seconds(self) -> float | None:
        return None if self.job.compute_seconds is None else float(self.job.compute_seconds)


def get_receipt(*, user: User, job_id: uuid.UUID) -> Receipt:
    """Return the receipt of a job of `user`, whatever its state.

    Raises:
        NotFound: there is none of that id, or it is somebody else's.
    """
    job = get_job(user=user, job_id=job_id)
    (receipt,) = receipts_of(user_id=user.id, jobs=[job])
    # Only what was worked at has pictures.
    made = job.compute_seconds is not None
    images = images_of(user=user, jobs=[job]).get(job.id, []) if made else []
    made_with = next((image.metadata.get("made_with") for image in images), None)
    return replace(receipt, images=images, made_with=made_with)


def list_receipts(*, user: User, span: Span, limit: int, words: str = "") -> list[Receipt]:
    """Return the receipts of the latest jobs asked for in `span`; at most three queries.

    With `words` those whose prompt has them all; parts of words are enough.
    """
    jobs = _jobs_of(user, span)
    for word in words.split():
        jobs = jobs.filter(parameters__prompt__icontains=word)
    return receipts_of(user_id=user.id, jobs=list(jobs[:limit]))


def receipts_of(*, user_id: uuid.UUID, jobs: Sequence[Job]) -> list[Receipt]:
    """Make the receipts of `jobs`; one query for what was held, one for names of keys if any."""
    holds = holds_of_jobs(user_id=user_id, job_ids=[job.id for job in jobs]) if jobs else {}
    names = names_of_keys(user_id=user_id, key_ids=[job.api_key_id for job in jobs])
    return [
        _receipt(job, holds.get(job.id), names.get(job.api_key_id) if job.api_key_id else None)
        for job in jobs
    ]


def receipt_csv(*, user: User, span: Span) -> Iterator[bytes]:
    """Write the receipts of the jobs asked for in `span`, the oldest first, piece by piece.

    Each piece is read in a transaction of its own, as `user`: they are asked for when that of
    the request is over.
    """
    # Excel takes UTF-8 for it by this mark alone.
    yield "\ufeff".encode() + _lines([_CSV_COLUMNS])
    last: Job | None = None
    while True:
        with tenant_scope(user.id):
            jobs = _chunk(user, span, after=last)
            rows = [_row(receipt) for receipt in receipts_of(user_id=user.id, jobs=jobs)]
        if rows:
            yield _lines(rows)
        if len(jobs) < ROWS_A_CHUNK:
            return
        last = jobs[-1]


def _jobs_of(user: User, span: Span) -> QuerySet[Job]:
    return list_jobs(user=user).filter(created_at__gte=span.begin, created_at__lt=span.end)


def _chunk(user: User, span: Span, *, after: Job | None) -> list[Job]:
    jobs = _jobs_of(user, span).order_by("created_at", "id")
    if after is not None:
        jobs = jobs.filter(created_at__gte=after.created_at).filter(
            Q(created_at__gt=after.created_at) | Q(id__gt=after.id)
        )
    return list(jobs[:ROWS_A_CHUNK])


def _receipt(job: Job, facts: HoldFacts | None, key_name: str | None) -> Receipt:
    charged = None if facts is None else facts.charged
    return Receipt(
        job=job,
        quoted=None if facts is None else facts.held,
        charged=charged,
        released=0 if facts is None else facts.released,
        refunded=0 if facts is None else facts.refunded,
        attempts=_attempts(job, charged),
        key_name=key_name,
    )


def _attempts(job: Job, charged: int | None) -> list[Attempt]:
    attempts = [
        Attempt(attempt=n, seconds=0.0, charged=0, outcome=Outcome.LOST)
        for n in range(1, job.attempt + 1)
    ]
    outcome = _outcome_of_last(job)
    if attempts and outcome != Outcome.LOST:
        running = outcome == Outcome.RUNNING
        attempts[-1] = Attempt(
            attempt=job.attempt,
            seconds=None if running else float(job.compute_seconds or 0),
            charged=None if running else charged or 0,
            outcome=outcome,
        )
    return attempts


def _outcome_of_last(job: Job) -> Outcome:
    match job.state:
        case JobState.RUNNING:
            return Outcome.RUNNING
        case JobState.SUCCEEDED:
            return Outcome.SUCCEEDED
        case JobState.CANCELLED if job.compute_seconds is not None:
            return Outcome.CANCELLED
        case JobState.FAILED if job.error_code != ErrorCode.WORKER_LOST:
            return Outcome.FAILED
    return Outcome.LOST


_CSV_COLUMNS = (
    "job",
    "asked_at",
    "started_at",
    "finished_at",
    "state",
    "model",
    "tier",
    "api_key",
    "attempts",
    "seconds",
    "quoted",
    "held",
    "charged",
    "released",
    "refunded",
)


def _row(receipt: Receipt) -> list[Any]:
    job = receipt.job
    times = (job.created_at, job.started_at, job.finished_at)
    return [
        job.id,
        *("" if time is None else time.isoformat(timespec="seconds") for time in times),
        job.state,
        _harmless(job.model_id),
        job.tier,
        _harmless(receipt.key_name or ""),
        job.attempt,
        "" if receipt.seconds is None else f"{receipt.seconds:.3f}",
        "" if receipt.quoted is None else receipt.quoted,
        receipt.held,
        "" if receipt.charged is None else receipt.charged,
        receipt.released,
        receipt.refunded,
    ]


def _harmless(text: str) -> str:
    """Keep a spreadsheet from taking what somebody wrote for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _lines(rows: Sequence[Sequence[Any]]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode()
