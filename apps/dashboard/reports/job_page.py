"""All there is to know of one job, for staff: its way, what it cost, what went wrong."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.models import User
from apps.core.errors import ErrorCode, NotFound
from apps.core.tenancy import tenant_scope
from apps.credits.models import Posting
from apps.credits.staff_selectors import list_all_postings
from apps.dashboard.reports.timeline import Timeline, lay_out
from apps.dashboard.reports.words import in_words
from apps.generation.failures import can_be_tried_again, failure_detail
from apps.generation.models import TERMINAL_STATES, ContentAppeal, Job, JobState
from apps.generation.queue_selectors import Place, places_of
from apps.generation.receipts import Receipt, receipts_of
from apps.generation.selectors import find_appeal, images_of
from apps.images.models import Image


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to a job; `mark` picks its colour."""

    at: datetime
    what: str
    detail: str = ""
    mark: str = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """What the page of a job shows; books and pictures only to those who may see them."""

    job: Job
    receipt: Receipt
    moments: Sequence[Moment]
    timeline: Timeline
    parameters: Mapping[str, Any]
    reason: str
    postings: Sequence[Posting]
    images: Sequence[Image]
    appeal: ContentAppeal | None
    place: Place | None

    @property
    def can_be_cancelled(self) -> bool:
        return self.job.state not in TERMINAL_STATES

    @property
    def can_be_tried_again(self) -> bool:
        return can_be_tried_again(self.job)


def find_job(*, job_id: uuid.UUID) -> Job:
    """Return a job of anybody, with its user and model; in a service scope.

    Raises:
        NotFound: there is none of that id.
    """
    job = Job.objects.select_related("user", "model").filter(id=job_id).first()
    if job is None:
        raise NotFound
    return job


def job_page(*, job_id: uuid.UUID, staff: User) -> JobPage:
    """Return what `staff` may know of a job; at most nine queries.

    Raises:
        NotFound: there is none of that id.
    """
    job = find_job(job_id=job_id)
    may_see_books = staff.has_perm("credits.view_posting")
    may_see_pictures = staff.has_perm("images.view_image") and job.compute_seconds is not None
    (receipt,) = receipts_of(user_id=job.user_id, jobs=[job])
    postings = (
        list(
            list_all_postings()
            .filter(user=job.user_id, hold__job_id=job.id)
            .order_by("created_at", "id")
        )
        if may_see_books
        else []
    )
    is_refused = job.error_code == ErrorCode.CONTENT_REFUSED
    # Rivals are counted from the seat of the one who waits.
    with tenant_scope(job.user_id):
        place = places_of(user=job.user, jobs=[job]).get(job.id)
    moments = _moments(job, receipt)
    return JobPage(
        job=job,
        receipt=receipt,
        moments=moments,
        timeline=_timeline(job),
        parameters={
            key: value for key, value in job.parameters.items() if value not in (None, "", [], {})
        },
        reason=failure_detail(job.error_code) if job.error_code else "",
        postings=postings,
        images=images_of(user=job.user, jobs=[job]).get(job.id, []) if may_see_pictures else [],
        appeal=find_appeal(user=job.user, job_id=job.id) if is_refused else None,
        place=place,
    )


def _moments(job: Job, receipt: Receipt) -> list[Moment]:
    moments = [Moment(job.created_at, _("Accepted"), _("by an API key") if job.api_key_id else "")]
    if job.woken_at:
        times = _("wake-up no. %(count)d") % {"count": job.wake_count}
        moments.append(Moment(job.woken_at, _("Woken last"), times))
    if job.started_at:
        attempt = _("attempt %(number)d on %(worker)s") % {
            "number": job.attempt,
            "worker": job.worker or "–",
        }
        moments.append(Moment(job.started_at, _("Started"), attempt, "run"))
    if job.cancel_requested_at:
        moments.append(Moment(job.cancel_requested_at, _("Asked to stop"), mark="warn"))
    if job.lease_expires_at:
        is_lost = job.lease_expires_at < timezone.now()
        moments.append(
            Moment(
                job.lease_expires_at,
                _("Lease ran out") if is_lost else _("Lease runs out"),
                mark="bad" if is_lost else "plain",
            )
        )
    if job.finished_at:
        moments.append(_end(job, receipt))
    return sorted(moments, key=lambda moment: moment.at)


def _end(job: Job, receipt: Receipt) -> Moment:
    assert job.finished_at is not None  # noqa: S101  # nosec B101  (for the types)
    count = receipt.charged or 0
    charged = ngettext("%(count)d credit charged", "%(count)d credits charged", count)
    charged %= {"count": count}
    mark = {JobState.SUCCEEDED.value: "good", JobState.FAILED.value: "bad"}.get(job.state, "warn")
    return Moment(job.finished_at, job.get_state_display(), charged, mark)


def _timeline(job: Job) -> Timeline:
    """Lay out waiting, running and what came after the last step, to scale."""
    end = job.finished_at or timezone.now()
    started = job.started_at or end
    parts = [(_("waited"), "wait", (started - job.created_at).total_seconds())]
    if job.started_at:
        ran = (end - started).total_seconds()
        # Of what failed, nobody measured how much was work.
        is_measured = job.finished_at is not None and job.compute_seconds is not None
        computed = min(float(job.compute_seconds or 0), ran) if is_measured else ran
        parts.append((_("ran"), "run", computed))
        # Loading the model before, storing the pictures after: nobody pays for them.
        parts.append((_("loaded and stored"), "rest", ran - computed))
    return lay_out([(name, mark, seconds, in_words(seconds)) for name, mark, seconds in parts])
