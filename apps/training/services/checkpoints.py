"""Keep the last checkpoint of a training, and remove what is not needed any more.

A file is written before the row that names it, and deleted after it.
"""

import uuid
from datetime import timedelta
from functools import partial

import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from apps.core.storage import file_store
from apps.core.tenancy import service_scope
from apps.generation.models import Job, JobState
from apps.training.models import TrainingRun, TrainingSample
from apps.training.storage import checkpoint_key, sample_key

logger = structlog.get_logger(__name__)

# So long a training that failed can be gone on with from where it was.
KEPT = timedelta(days=7)
# One that was cancelled on the queue: whoever is asked whether to go on has time to answer.
KEPT_OF_CANCELLED = timedelta(days=1)
RUNS_A_SWEEP = 100


def read_checkpoint(run: TrainingRun) -> bytes | None:
    """Return the last checkpoint of a training, `None` without one or where its file is gone.

    Raises:
        OSError: the store is away.
    """
    if run.checkpoint is None:
        return None
    key = checkpoint_key(user_id=run.user_id, run_id=run.id, name=run.checkpoint)
    try:
        with default_storage.open(key) as file:
            return bytes(file.read())
    except FileNotFoundError:
        logger.warning("checkpoint_gone", run_id=str(run.id))
        return None


def write_checkpoint(run: TrainingRun, content: bytes) -> uuid.UUID:
    """Write a checkpoint that no row names yet; return its name.

    Raises:
        OSError: the store is away.
    """
    name = uuid.uuid4()
    key = checkpoint_key(user_id=run.user_id, run_id=run.id, name=name)
    default_storage.save(key, ContentFile(content))
    return name


def delete_checkpoint(run: TrainingRun, name: uuid.UUID) -> None:
    """Delete the file of a checkpoint that no row names any more."""
    file_store.delete_many([checkpoint_key(user_id=run.user_id, run_id=run.id, name=name)])


def forget_checkpoint(run: TrainingRun, *, samples: bool = False) -> None:
    """Give up the checkpoint of a training, and with `samples` these too; within a transaction."""
    keys = []
    if run.checkpoint is not None:
        keys.append(checkpoint_key(user_id=run.user_id, run_id=run.id, name=run.checkpoint))
        TrainingRun.objects.filter(id=run.id).update(checkpoint=None, checkpoint_step=0)
        run.checkpoint, run.checkpoint_step = None, 0
    if samples:
        forget_samples(run)
    # If the store is away then, the sweep finds files without a row.
    transaction.on_commit(partial(file_store.delete_many, keys), robust=True)


def forget_samples(run: TrainingRun, *, beyond: int = 0) -> None:
    """Delete the samples of a training that are of later steps; within a transaction."""
    samples = TrainingSample.objects.filter(user=run.user_id, run=run, step__gt=beyond)
    names = samples.values_list("name", flat=True)
    keys = [sample_key(user_id=run.user_id, run_id=run.id, name=name) for name in names]
    samples.delete()
    transaction.on_commit(partial(file_store.delete_many, keys), robust=True)


def remove_old_checkpoints() -> int:
    """Remove checkpoints that nobody goes on from; return how many.

    Those of trainings that were done, that were cancelled a day ago, or that nothing happened to
    for a week.
    """
    now = timezone.now()
    jobs = Job.objects.filter(
        Q(state=JobState.SUCCEEDED)
        | Q(state=JobState.CANCELLED, finished_at__lt=now - KEPT_OF_CANCELLED),
        id=OuterRef("job_id"),
        user=OuterRef("user"),
    )
    with service_scope("remove checkpoints that nobody goes on from"):
        unneeded = Q(Exists(jobs)) | Q(updated_at__lt=now - KEPT)
        runs = list(
            TrainingRun.objects.filter(unneeded, checkpoint__isnull=False)
            .order_by("updated_at")
            .select_for_update(skip_locked=True, of=("self",))[:RUNS_A_SWEEP]
        )
        for run in runs:
            forget_checkpoint(run)
    return len(runs)
