"""Reads on jobs."""

import uuid
from collections.abc import Iterable
from datetime import timedelta

from django.core.cache import cache
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.fields.json import KT
from django.db.models.functions import Now
from django.utils import timezone

from apps.accounts.models import User
from apps.core.errors import NotFound
from apps.generation.events import Progress
from apps.generation.models import ACTIVE_STATES, ContentAppeal, Job, JobKind, JobState
from apps.images.models import Image

# A page that was away for a moment still learns how its jobs ended.
RECENTLY = timedelta(minutes=10)
PROGRESS_SECONDS = 24 * 3600


def list_jobs(*, user: User) -> QuerySet[Job]:
    """List the jobs of `user`, newest first, without their work: it may be a whole document."""
    return _jobs_of(user).defer("work", "grid")


def get_job(*, user: User, job_id: uuid.UUID) -> Job:
    """Return a job of `user`.

    Raises:
        NotFound: there is none of that id, or it is somebody else's.
    """
    job = _jobs_of(user).filter(id=job_id).first()
    if job is None:
        raise NotFound
    return job


def list_batch(*, user: User, batch_id: uuid.UUID) -> list[Job]:
    """List the jobs of a batch of `user` in the order in which they were asked for.

    Raises:
        NotFound: there is none of that id, or it is somebody else's.
    """
    jobs = list(_jobs_of(user).filter(batch_id=batch_id).order_by("created_at", "position"))
    if not jobs:
        raise NotFound
    return jobs


def pictures_of_active_jobs(*, user_id: uuid.UUID) -> set[uuid.UUID]:
    """Return the names of the pictures that waiting and running jobs of a user look at."""
    active = Job.objects.filter(user=user_id, state__in=sorted(ACTIVE_STATES))
    plain = active.filter(work__isnull=True).only("parameters", "work")
    named = active.filter(work__isnull=False).values_list("work__pictures", flat=True)
    return {name for job in plain for name in job.pictures_wanted} | {
        uuid.UUID(name) for names in named for name in names
    }


def put_titles(*, user: User, jobs: Iterable[Job]) -> None:
    """Put to those of `jobs` that run workflows what these are called; no query if none does."""
    runs = {job.id: job for job in jobs if job.kind == JobKind.WORKFLOW}
    if not runs:
        return
    titles = Job.objects.filter(user=user, id__in=list(runs)).values_list(
        "id", KT("work__document__name")
    )
    for job_id, title in titles:
        runs[job_id].title = title or ""


def list_current_jobs(*, user: User, limit: int = 50) -> list[Job]:
    """List the jobs of `user` that are active or ended a moment ago, newest first."""
    recent = timezone.now() - RECENTLY
    jobs = list_jobs(user=user).filter(
        Q(state__in=sorted(ACTIVE_STATES)) | Q(finished_at__gte=recent)
    )
    return list(jobs[:limit])


def progress_key(job_id: uuid.UUID) -> str:
    return f"job:{job_id}:status"


def save_progress(*, job_id: uuid.UUID, progress: Progress) -> None:
    """Keep the latest progress for pages that come later; the cache may lose it."""
    cache.set(progress_key(job_id), progress, timeout=PROGRESS_SECONDS)


def progress_of(*, jobs: Iterable[Job]) -> dict[uuid.UUID, Progress]:
    """Return the latest progress of each of `jobs` that has one, in one round trip."""
    keys = {progress_key(job.id): job.id for job in jobs}
    found: dict[str, Progress] = cache.get_many(list(keys))
    return {keys[key]: progress for key, progress in found.items()}


def images_of(*, user: User, jobs: Iterable[Job]) -> dict[uuid.UUID, list[Image]]:
    """Return the pictures of each of `jobs`, in their order in the batch, by one query."""
    images: dict[uuid.UUID, list[Image]] = {}
    for image in Image.objects.filter(user=user, session_id__in=[job.id for job in jobs]).order_by(
        "node_id"
    ):
        if image.session_id is not None:
            images.setdefault(image.session_id, []).append(image)
    return images


def find_appeal(*, user: User, job_id: uuid.UUID) -> ContentAppeal | None:
    """Return what `user` said against the refusal of a job's pictures, if anything."""
    return ContentAppeal.objects.filter(user=user, job_id=job_id).first()


def expired_jobs() -> QuerySet[Job]:
    """List running jobs whose lease has run out, by the clock of PostgreSQL that set it."""
    return Job.objects.filter(state=JobState.RUNNING, lease_expires_at__lt=Now())


def due_jobs() -> QuerySet[Job]:
    """List waiting jobs that could run now: of each lane as many as its user has places.

    Those in the background are due where nothing else of their tier is.
    """
    return Job.objects.filter(id__in=RawSQL(_DUE, []))  # noqa: S611  # nosec B611


def _jobs_of(user: User) -> QuerySet[Job]:
    return Job.objects.filter(user=user).select_related("model").order_by("-created_at", "-id")


_DUE = """
    SELECT due.id FROM generation_lane lane CROSS JOIN LATERAL (
        SELECT job.id FROM generation_job job
        WHERE job.user_id = lane.user_id AND job.tier = lane.tier
            AND job.state = 'queued' AND NOT job.priority = 'background'
        ORDER BY job.position, job.id
        LIMIT lane.parallel_limit - lane.running - lane.running_elsewhere
    ) due
    WHERE lane.is_due
    UNION ALL
    SELECT due.id FROM generation_lane lane CROSS JOIN LATERAL (
        SELECT job.id FROM generation_job job
        WHERE job.user_id = lane.user_id AND job.tier = lane.tier
            AND job.state = 'queued' AND job.priority = 'background'
        ORDER BY job.position, job.id
        LIMIT lane.parallel_limit - lane.running - lane.running_elsewhere
    ) due
    WHERE lane.is_background_due AND NOT EXISTS (
        SELECT FROM generation_lane other WHERE other.tier = lane.tier AND other.is_due
    )
"""
