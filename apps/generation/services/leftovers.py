"""Remove files that attempts wrote and no row names."""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from apps.core.tenancy import service_scope, tenant_scope
from apps.generation.models import Job, JobState
from apps.generation.services.results import result_name
from apps.images.models import Image
from apps.images.services.pictures import delete_files

# Longer than any worker that lost its lease can still be writing.
GRACE = timedelta(minutes=10)
JOBS_A_SWEEP = 100


def remove_leftovers() -> int:
    """Delete the files of lost attempts of jobs that ended a while ago; return jobs looked at.

    Only a job that succeeded at its first attempt can have left nothing behind.
    """
    ended = Job.objects.filter(
        leftovers_removed_at__isnull=True, finished_at__lt=timezone.now() - GRACE
    )
    with service_scope("find jobs that may have left files"):
        ended.filter(state=JobState.SUCCEEDED, attempt=1).update(
            leftovers_removed_at=timezone.now()
        )
        jobs = list(ended.filter(~Q(state=JobState.SUCCEEDED) | Q(attempt__gt=1))[:JOBS_A_SWEEP])
    for job in jobs:
        with tenant_scope(job.user_id):
            _remove_leftovers_of(job)
            Job.objects.filter(pk=job.pk).update(leftovers_removed_at=timezone.now())
    return len(jobs)


def _remove_leftovers_of(job: Job) -> None:
    written = {
        result_name(job_id=job.id, attempt=attempt, index=index)
        for attempt in range(1, job.attempt + 1)
        for index in range(job.parameters["num_images"])
    }
    named = Image.objects.filter(user=job.user_id, image_name__in=written)
    for name in written - set(named.values_list("image_name", flat=True)):
        delete_files(user_id=job.user_id, image_name=name)
