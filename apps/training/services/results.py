"""What a worker writes of a training; each by compare-and-set on the job and its attempt."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import structlog
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.db.models import QuerySet

from apps.catalog.fingerprints import fingerprint_of_directory
from apps.catalog.models import (
    GenerationModel,
    ModelKind,
    access_of_family,
    new_own_key,
)
from apps.catalog.probing import probe_lora
from apps.catalog.storage import model_folder
from apps.core.storage import file_store
from apps.core.tenancy import tenant_scope
from apps.credits.models import ActionType
from apps.generation.models import Job
from apps.generation.services.results import Service, finish_job
from apps.plans.entitlements import Feature, check, may
from apps.plans.storage import used_bytes
from apps.training.models import TrainingRun, TrainingSample
from apps.training.quotes import TrainingLoad, shape_of, teaches
from apps.training.services.checkpoints import (
    delete_checkpoint,
    forget_checkpoint,
    forget_samples,
    write_checkpoint,
)
from apps.training.storage import sample_key
from gpu_tasks.training.lora.settings import TrainingSettings

logger = structlog.get_logger(__name__)

# More say nothing more in a drawing.
MAX_LOSSES = 1000

Losses = list[list[float]]


def begin_attempt(job: Job) -> TrainingRun | None:
    """Make the attempt at `job` the one that counts; `None` if its training is gone or another's.

    Losses of a former attempt beyond its last checkpoint are dropped, and so are its samples.
    """
    with tenant_scope(job.user_id):
        rows = TrainingRun.objects.select_for_update().filter(
            user=job.user_id, job_id=job.id, attempt__lte=job.attempt
        )
        run = rows.first()
        if run is None:
            return None
        run.attempt = job.attempt
        run.step = run.checkpoint_step
        run.losses = [point for point in run.losses if point[0] <= run.checkpoint_step]
        run.save(update_fields=["attempt", "step", "losses"])
        forget_samples(run, beyond=run.checkpoint_step)
    return run


def begin_anew(run: TrainingRun) -> None:
    """Drop the samples of an attempt that cannot go on from its checkpoint."""
    with tenant_scope(run.user_id):
        if _held(run).select_for_update().exists():
            forget_samples(run)


def note_losses(run: TrainingRun, *, step: int, losses: Losses) -> bool:
    """Keep how far a training is and its losses so far; `False` if the attempt has lost it."""
    with tenant_scope(run.user_id):
        return bool(_held(run).update(step=step, losses=thinned(losses)))


def keep_checkpoint(run: TrainingRun, *, step: int, content: bytes, losses: Losses) -> bool:
    """Put a checkpoint in the place of the former one; `False` if the attempt has lost its job.

    Raises:
        OSError: the store is away.
        DatabaseError: the database is.
    """
    former = run.checkpoint
    name = write_checkpoint(run, content)
    with tenant_scope(run.user_id):
        is_kept = _held(run).update(
            checkpoint=name, checkpoint_step=step, step=step, losses=thinned(losses)
        )
    if not is_kept:
        delete_checkpoint(run, name)
        return False
    run.checkpoint, run.checkpoint_step, run.step = name, step, step
    if former is not None:
        delete_checkpoint(run, former)
    return True


def keep_sample(
    run: TrainingRun, *, step: int, number: int, content: bytes, size: tuple[int, int]
) -> TrainingSample | None:
    """Store a sample picture; `None` if the attempt has lost its job. One made anew replaces it.

    Raises:
        Forbidden: its user has no storage left for it.
        OSError: the store is away.
        DatabaseError: the database is.
    """
    with tenant_scope(run.user_id):
        used = used_bytes(user_id=run.user_id) + len(content)
        check(may(user_id=run.user_id, feature=Feature.STORAGE, used_bytes=used))
    name = uuid.uuid4()
    key = sample_key(user_id=run.user_id, run_id=run.id, name=name)
    default_storage.save(key, ContentFile(content))
    with tenant_scope(run.user_id):
        held = _held(run).select_for_update().exists()
        former: list[uuid.UUID] = []
        sample = None
        if held:
            old = TrainingSample.objects.filter(user=run.user_id, run=run, step=step, number=number)
            former = list(old.values_list("name", flat=True))
            old.delete()
            sample = TrainingSample.objects.create(
                user_id=run.user_id,
                run=run,
                name=name,
                step=step,
                number=number,
                width=size[0],
                height=size[1],
                file_size_bytes=len(content),
            )
    gone = former if held else [name]
    file_store.delete_many(
        [sample_key(user_id=run.user_id, run_id=run.id, name=each) for each in gone]
    )
    return sample


def finish_run(
    run: TrainingRun,
    *,
    job: Job,
    weights: bytes,
    losses: Losses,
    steps_done: int,
    compute_seconds: float,
) -> GenerationModel | None:
    """End a training with its LoRA in the catalog of its user, in one transaction.

    `steps_done` are those of this attempt, which alone are charged. `None` if the attempt has lost
    its job meanwhile; then nothing is left of it.

    Raises:
        ProbeRefused: what came of it is no LoRA for the model that it was trained upon.
        OSError: the store is away.
    """
    settings = TrainingSettings.from_dict(run.settings)
    with TemporaryDirectory(prefix="easel-lora-") as folder:
        path = Path(folder, "lora.safetensors")
        path.write_bytes(weights)
        found = probe_lora(path, base=job.model.base)
        model = _model(run, job.model, settings, Path(folder))
        model.defaults = dict(found.defaults)
        key = f"{model.location}/{path.name}"
        with path.open("rb") as content:
            default_storage.save(key, File(content))
    # An error deletes nothing: the commit may have arrived though its answer did not. A file
    # without a row goes with the other leftovers.
    with tenant_scope(run.user_id):
        is_done = finish_job(
            user_id=run.user_id,
            job_id=job.id,
            attempt=job.attempt,
            pictures=[],
            compute_seconds=compute_seconds,
            service=service_of(run, job.model, steps=steps_done, is_whole=True),
        )
        if is_done:
            model.save(force_insert=True)
            _record(model)
            _held(run).update(step=settings.steps, losses=thinned(losses), model_key=model.key)
            forget_checkpoint(run)
    if not is_done:
        file_store.delete_many([key])
        return None
    return model


def end_cancelled_run(
    run: TrainingRun, *, job: Job, steps_done: int, compute_seconds: float
) -> bool:
    """End a training that its user cancelled: its seconds are charged, and nothing is kept.

    `False` if the attempt has lost its job meanwhile.
    """
    with tenant_scope(run.user_id):
        is_done = finish_job(
            user_id=run.user_id,
            job_id=job.id,
            attempt=job.attempt,
            pictures=[],
            compute_seconds=compute_seconds,
            cancelled=True,
            service=service_of(run, job.model, steps=steps_done, is_whole=False),
        )
        if is_done:
            forget_checkpoint(run)
    return is_done


def service_of(run: TrainingRun, model: GenerationModel, *, steps: int, is_whole: bool) -> Service:
    """Return what a training is recorded as in the usage of its user."""
    settings = TrainingSettings.from_dict(run.settings)
    load = TrainingLoad(
        settings=settings, images=len(run.pictures), done_steps=settings.steps - steps
    )
    return Service(
        action=ActionType.TRAINING,
        shape=replace(shape_of(settings), steps=steps),
        teaches=is_whole and steps > 0 and teaches(model, load),
    )


def thinned(losses: Sequence[Sequence[float]]) -> list[Any]:
    """Return at most `MAX_LOSSES` points: means of as many neighbours as there have to be."""
    every = -(-len(losses) // MAX_LOSSES)
    if every <= 1:
        return [[int(step), loss] for step, loss in losses]
    groups = [losses[start : start + every] for start in range(0, len(losses), every)]
    return [[int(group[-1][0]), sum(loss for _s, loss in group) / len(group)] for group in groups]


def _held(run: TrainingRun) -> QuerySet[TrainingRun]:
    return TrainingRun.objects.filter(
        user=run.user_id, id=run.id, job_id=run.job_id, attempt=run.attempt
    )


def _model(
    run: TrainingRun, base: GenerationModel, settings: TrainingSettings, folder: Path
) -> GenerationModel:
    key = new_own_key()
    files = fingerprint_of_directory(folder)
    return GenerationModel(
        key=key,
        user_id=run.user_id,
        kind=ModelKind.LORA,
        name=run.name,
        base=base.base,
        location=model_folder(user_id=run.user_id, base=base.base, key=key),
        access=access_of_family(base.base),
        description=_description(run, base, settings),
        tags=["trained"],
        trigger_words=[settings.trigger] if settings.trigger else [],
        example_prompts=list(settings.sample_prompts),
        sha256=files.sha256,
        size_bytes=files.size_bytes,
        files=files.files_json(),
        source="training",
        # It is made of the other: what holds for that holds for it.
        license=base.license,
        commercial_use=base.commercial_use or base.license_recorded_at is not None,
    )


def _record(model: GenerationModel) -> None:
    # As `record_act` would, which a worker has no right to do.
    with connection.cursor() as cursor:
        cursor.execute("SELECT easel_record_lora(%s)", [model.key])


def _description(run: TrainingRun, base: GenerationModel, settings: TrainingSettings) -> str:
    # As notes of trainings are everywhere: names and numbers, the same in any language.
    return (
        f"{base.name} · {len(run.pictures)} × {settings.resolution} px · "
        f"{settings.steps} × {settings.batch_size} · rank {settings.rank} · "
        f"lr {settings.learning_rate:g}"
    )
