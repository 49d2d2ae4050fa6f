"""Reads on sets of pictures and trainings."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.core.files.storage import default_storage
from django.db.models import Count, Q, QuerySet, Sum, Window
from django.db.models.functions import RowNumber

from apps.accounts.models import User
from apps.catalog.models import GenerationModel, ModelKind
from apps.catalog.selectors import list_models
from apps.core.errors import NotFound
from apps.generation.events import Progress
from apps.generation.models import Job, JobState
from apps.generation.selectors import progress_of
from apps.images.models import Image
from apps.training.models import (
    MAX_CAPTION_LENGTH,
    TrainingPicture,
    TrainingRun,
    TrainingSample,
    TrainingSet,
)
from apps.training.storage import sample_key
from gpu_tasks.training.lora.trainable import TRAINABLE, Trainable

_HERE = Q(pictures__image__deleted_at=None)


def list_sets(*, user: User) -> QuerySet[TrainingSet]:
    """List the sets of `user`, newest first, each with its `picture_count`; no trash counts."""
    own = TrainingSet.objects.filter(user=user).annotate(
        picture_count=Count("pictures", filter=_HERE)
    )
    return own.order_by("-created_at", "-id")


def get_set(*, user: User, set_id: uuid.UUID) -> TrainingSet:
    """Return a set of `user` with its `picture_count`.

    Raises:
        NotFound: there is none of that id, or it is somebody else's.
    """
    found = list_sets(user=user).filter(id=set_id).first()
    if found is None:
        raise NotFound
    return found


def list_pictures(*, user: User, set_id: uuid.UUID) -> QuerySet[TrainingPicture]:
    """List the pictures of a set in their order, with their records, without those in the trash."""
    shown = TrainingPicture.objects.filter(user=user, training_set=set_id, image__deleted_at=None)
    return (
        shown.select_related("image")
        .defer("image__workflow", "image__graph")
        .order_by("position", "id")
    )


def covers_of(
    *, user: User, set_ids: Collection[uuid.UUID], each: int
) -> dict[uuid.UUID, list[Image]]:
    """Return the first pictures of some sets, at most `each` of one; one query."""
    shown = TrainingPicture.objects.filter(
        user=user, training_set__in=set_ids, image__deleted_at=None
    )
    place = Window(RowNumber(), partition_by="training_set", order_by=["position", "id"])
    rows = shown.annotate(place=place).filter(place__lte=each).select_related("image")
    rows = rows.defer("image__workflow", "image__graph", "image__metadata")
    covers: dict[uuid.UUID, list[Image]] = {set_id: [] for set_id in set_ids}
    for picture in rows.order_by("place"):
        covers[picture.training_set_id].append(picture.image)
    return covers


def suggested_caption(image: Image) -> str:
    """Return what a caption may begin with: the prompt that the picture was made with, if any.

    A prompt may be longer than a caption; it is cut.
    """
    return str(image.metadata.get("prompt") or "").strip()[:MAX_CAPTION_LENGTH].rstrip()


def list_bases(*, user: User) -> list[GenerationModel]:
    """List the main models that `user` can see and that LoRAs can be trained upon; one query."""
    bases = [base for base, how in TRAINABLE.items() if isinstance(how, Trainable)]
    return list(list_models(user=user, kind=ModelKind.MAIN).filter(base__in=bases))


def list_runs(*, user: User) -> QuerySet[TrainingRun]:
    """List the trainings of `user`, newest first."""
    return TrainingRun.objects.filter(user=user).order_by("-created_at", "-id")


def get_run(*, user: User, run_id: uuid.UUID) -> TrainingRun:
    """Return a training of `user`.

    Raises:
        NotFound: there is none of that id, or it is somebody else's.
    """
    run = list_runs(user=user).filter(id=run_id).first()
    if run is None:
        raise NotFound
    return run


def run_of_job(*, user: User, job_id: uuid.UUID) -> TrainingRun | None:
    """Return the training whose present job this is, if it is one's."""
    return list_runs(user=user).filter(job_id=job_id).first()


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A training with the job that its state is, how far that is, and its samples by step."""

    run: TrainingRun
    job: Job
    progress: Progress | None
    samples: Sequence[TrainingSample] = ()

    @property
    def step(self) -> int:
        """Return the steps that are done; a running job knows better than the last checkpoint."""
        if self.progress is not None:
            return max(self.progress["step"], self.run.step)
        return self.run.step


def facts_of(*, user: User, runs: Sequence[TrainingRun]) -> list[RunFacts]:
    """Return what is to be shown of some trainings beside their samples; one query."""
    jobs = _jobs_of(user, runs)
    running = [job for job in jobs.values() if job.state == JobState.RUNNING]
    progress: Mapping[uuid.UUID, Progress] = progress_of(jobs=running) if running else {}
    return [RunFacts(run, jobs[run.job_id], progress.get(run.job_id)) for run in runs]


def facts_of_run(*, user: User, run: TrainingRun) -> RunFacts:
    """Return all there is to show of one training; two queries."""
    (facts,) = facts_of(user=user, runs=[run])
    samples = TrainingSample.objects.filter(user=user, run=run).order_by("step", "number")
    return RunFacts(facts.run, facts.job, facts.progress, list(samples))


def _jobs_of(user: User, runs: Sequence[TrainingRun]) -> dict[uuid.UUID, Job]:
    if not runs:
        return {}
    wanted = Job.objects.filter(user=user, id__in=[run.job_id for run in runs])
    return {job.id: job for job in wanted.select_related("model")}


def read_sample(*, user: User, run_id: uuid.UUID, name: uuid.UUID) -> bytes:
    """Return the PNG of a sample of a training of `user`.

    Raises:
        NotFound: there is no such sample, or its file is gone.
    """
    if not TrainingSample.objects.filter(user=user, run=run_id, name=name).exists():
        raise NotFound
    try:
        with default_storage.open(sample_key(user_id=user.id, run_id=run_id, name=name)) as file:
            return bytes(file.read())
    except FileNotFoundError as error:
        raise NotFound from error


def stored_bytes(*, user_id: uuid.UUID) -> int:
    """Return the bytes that the samples of a user's trainings take."""
    samples = TrainingSample.objects.filter(user=user_id)
    return samples.aggregate(total=Sum("file_size_bytes"))["total"] or 0
