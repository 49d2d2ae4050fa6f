"""A worker's part in tests of the queue: claim what is next, and end it."""

from apps.generation.models import Job
from apps.generation.services.leases import claim_next_job
from apps.generation.services.results import finish_job
from apps.plans.tiers import GpuTier


def claim() -> Job | None:
    return claim_next_job(tiers=list(GpuTier), worker="w")


def claimed() -> Job:
    job = claim()
    assert job is not None
    return job


def end(job: Job) -> None:
    finish_job(
        user_id=job.user_id, job_id=job.id, attempt=job.attempt, pictures=[], compute_seconds=1
    )
