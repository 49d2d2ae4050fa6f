"""What the page of the queue shows."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.generation.failures import can_be_tried_again, failure_detail
from apps.generation.models import Job, JobKind, JobState
from apps.generation.queue_selectors import Place, Queue, get_queue
from apps.generation.selectors import put_titles

# The API has them all.
WAITING_SHOWN = 50
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A waiting job, its place, when it will start in words, and the one before it."""

    job: Job
    place: Place
    start: str
    before: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class EndedRow:
    """A job that ended, and why if it failed; a training goes on where its price is shown."""

    job: Job
    reason: str
    can_retry: bool

    @property
    def is_training(self) -> bool:
        return self.job.kind == JobKind.TRAINING


@dataclass(frozen=True, slots=True)
class QueuePage:
    """The queue as the page shows it; `more` waiting jobs are not among the rows."""

    queue: Queue
    waiting: Sequence[WaitingRow]
    more: int
    ended: Sequence[EndedRow]


def queue_page(*, user: User) -> QueuePage:
    """Return what the page of the queue shows to `user`."""
    queue = get_queue(user=user)
    shown = queue.waiting[:WAITING_SHOWN]
    put_titles(user=user, jobs=[*queue.running, *shown, *queue.ended])
    before = [None, *(job.id for job in shown)]
    return QueuePage(
        queue=queue,
        waiting=[
            WaitingRow(
                job=job,
                place=queue.places[job.id],
                start=start_in_words(queue.places[job.id]),
                before=previous,
            )
            for job, previous in zip(shown, before, strict=False)
        ],
        more=len(queue.waiting) - len(shown),
        ended=[
            EndedRow(
                job=job,
                reason=failure_detail(job.error_code) if job.state == JobState.FAILED else "",
                can_retry=can_be_tried_again(job),
            )
            for job in queue.ended
        ],
    )


def start_in_words(place: Place) -> str:
    """Say when a waiting job will start, as far as it is known; else nothing."""
    starts_in = place.payload()["starts_in"]
    if starts_in is None:
        return ""
    earliest, latest = starts_in["earliest"], starts_in["latest"]
    if latest is None:
        return _("starts in %(least)s or later") % {"least": _span(earliest)}
    if latest <= 1:
        return _("starts now")
    if _span(earliest) == _span(latest):
        return _("starts in about %(time)s") % {"time": _span(latest)}
    return _("starts in %(least)s to %(most)s") % {"least": _span(earliest), "most": _span(latest)}


def _span(seconds: int) -> str:
    if seconds < 2 * _MINUTE:
        return _("%(count)d s") % {"count": seconds}
    return _("%(count)d min") % {"count": round(seconds / _MINUTE)}
