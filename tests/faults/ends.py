"""What must be true after every fault: each job ended once, and rows, files and books agree."""

from collections.abc import Callable
from datetime import timedelta
from unittest.mock import patch

from django.utils import timezone

from apps.credits.models import UsageRecord
from apps.generation.models import TERMINAL_STATES, Job, JobState
from apps.generation.selectors import progress_of
from apps.generation.services.audit import audit_credits
from apps.generation.services.leftovers import remove_leftovers
from apps.images.models import Image
from apps.images.services import orphans
from apps.images.services.orphans import remove_orphans
from apps.plans.tiers import TIER_BY_QUEUE
from tests.stack import wait_until

QUEUES = ",".join(TIER_BY_QUEUE)
# Long enough to do something to it in the middle.
LONG = {"steps": 100, "width": 256, "height": 256}


def state(job: Job) -> str:
    job.refresh_from_db()
    return job.state


def wait_for_steps(job: Job) -> None:
    def is_under_way() -> bool:
        progress = progress_of(jobs=[job]).get(job.id)
        return progress is not None and progress["step"] >= 2

    wait_until(is_under_way, seconds=120, what="the second step")


def wait_for_end(*jobs: Job, seconds: float = 300) -> None:
    wait_until(
        lambda: all(state(job) in TERMINAL_STATES for job in jobs),
        seconds=seconds,
        what="the end of the jobs",
    )


def check_books(stored_files: Callable[[], set[str]], *jobs: Job) -> None:
    """Every job ended once, with one picture, one charge, and no file beside these."""
    assert [state(job) for job in jobs] == [JobState.SUCCEEDED] * len(jobs)
    Job.objects.update(finished_at=timezone.now() - timedelta(hours=1))
    remove_leftovers()
    # Of a write that was cut short; an hour later, as it were.
    with patch.object(orphans, "GRACE", timedelta(minutes=-5)):
        remove_orphans()
    images = list(Image.objects.all())
    assert sorted(str(image.session_id) for image in images) == sorted(str(job.id) for job in jobs)
    assert UsageRecord.objects.count() == len(jobs)
    files = stored_files()
    assert len(files) == 3 * len(jobs), files
    assert {image.s3_key for image in images} <= stored_files()
    assert audit_credits() == []
