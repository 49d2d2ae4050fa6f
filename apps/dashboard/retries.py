"""Try a job again, whatever it makes: who asks for it sees one button."""

import uuid

from apps.accounts.models import User
from apps.generation.models import Job, JobKind
from apps.generation.selectors import get_job
from apps.generation.services.queue import retry_job
from apps.training.selectors import run_of_job
from apps.training.services.retries import retry_run


def retry_any(*, user: User, job_id: uuid.UUID, idempotency_key: str | None = None) -> Job:
    """Ask anew for what failed or was cancelled; a training goes on from its last checkpoint.

    Raises:
        NotFound: `user` has no such job.
        Conflict: it has neither failed nor been cancelled, or went on as another job since.
        EaselError: what its user would be refused with.
    """
    job = get_job(user=user, job_id=job_id)
    run = run_of_job(user=user, job_id=job_id) if job.kind == JobKind.TRAINING else None
    if run is None:
        return retry_job(user=user, job_id=job_id, idempotency_key=idempotency_key)
    run = retry_run(user=user, run_id=run.id, idempotency_key=idempotency_key)
    return get_job(user=user, job_id=run.job_id)
