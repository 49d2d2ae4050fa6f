"""An attempt at a training: from the last checkpoint, if there is one, to a LoRA in the catalog."""

import uuid
from typing import TYPE_CHECKING, ClassVar

import structlog
from PIL import Image as PillowImage

from apps.catalog.probing import ProbeRefused
from apps.core.errors import ErrorCode, NotFound
from apps.core.observability.tracing import span
from apps.core.tenancy import tenant_scope
from apps.generation.services.admission import check_entitled
from apps.images.models import Image
from apps.plans.entitlements import Feature, require
from apps.training.models import TrainingRun
from apps.training.services.checkpoints import read_checkpoint
from apps.training.services.results import begin_attempt, end_cancelled_run, finish_run
from gpu_tasks.engine import Engine, GenerationResult, InvalidRequest
from gpu_tasks.runner.attempt import Attempt, Outcome
from gpu_tasks.runner.inputs import open_picture
from gpu_tasks.runner.training_reports import TrainingReporter
from gpu_tasks.training.lora.errors import TrainingCancelled, TrainingDiverged
from gpu_tasks.training.lora.outcomes import TrainedLora, TrainingProgress, TrainingSample
from gpu_tasks.training.lora.settings import TrainingImage, TrainingSettings

if TYPE_CHECKING:
    from gpu_tasks.training.lora.checkpoint import Checkpoint

logger = structlog.get_logger(__name__)


# What a lost attempt may have learnt in vain, however long its steps take.
SECONDS_BETWEEN_CHECKPOINTS = 300.0


class TrainingAttempt(Attempt):
    """Train a LoRA; who is to end hands the job back with a checkpoint of the step it is at."""

    is_solo: ClassVar[bool] = True

    _run: TrainingRun
    _settings: TrainingSettings
    _images: list[TrainingImage]
    _reports: TrainingReporter
    _trained: TrainedLora
    _first_step = 0

    def _prepare(self) -> None:
        check_entitled(self.job)
        with tenant_scope(self.job.user_id):
            require(user_id=self.job.user_id, feature=Feature.LORA_TRAINING)
        run = begin_attempt(self.job)
        if run is None:
            raise NotFound
        self._run = run
        self._settings = TrainingSettings.from_dict(run.settings)
        self._images = _load(run, resolution=self._settings.resolution)
        self._reports = TrainingReporter(job=self.job, run=run, total=self._settings.steps)

    def make(self, engine: Engine) -> Outcome:
        """Train, from the last checkpoint on."""
        checkpoint = read_checkpoint(self._run)
        try:
            self._trained = self._train(engine, checkpoint)
        except InvalidRequest as error:
            if checkpoint is None or "resume" not in error.fields:
                raise
            # The model is another since, or the file is torn: what was learnt is of no use.
            logger.warning("checkpoint_refused", run_id=str(self._run.id))
            self._trained = self._train(engine, None)
        return GenerationResult(
            images=(),
            seeds=(),
            compute_seconds=self._trained.compute_seconds,
            model_load_seconds=0.0,
            device=self._device,
            library_versions={},
        )

    def _train(self, engine: Engine, checkpoint: bytes | None) -> TrainedLora:
        # Brings in libraries that nothing else here needs.
        from gpu_tasks.training.lora.training import train_lora

        if checkpoint is None:
            self._reports.begin_anew()
        self._first_step = 0 if checkpoint is None else self._run.checkpoint_step
        self._reports.step = self._first_step
        return train_lora(
            self._source(self.job.model),
            self._images,
            self._settings,
            engine=engine,
            resume=checkpoint,
            on_progress=self._note_progress,
            on_checkpoint=self._keep_checkpoint,
            on_sample=self._keep_sample,
            is_cancelled=self._must_stop,
            save_seconds=SECONDS_BETWEEN_CHECKPOINTS,
        )

    def _note_progress(self, progress: TrainingProgress) -> None:
        self._pace.note(progress.step / progress.total)
        self._reports.note_step(progress.step, progress.loss)

    def _keep_checkpoint(self, checkpoint: "Checkpoint") -> None:
        # Of what is cancelled or another's by now nothing is kept. After the last step there is one
        # to go on from only where the samples were broken off.
        is_needed = checkpoint.step < self._settings.steps or checkpoint.lacks_samples
        if is_needed and not self.lease.must_stop():
            self._reports.keep_checkpoint(checkpoint.step, checkpoint.to_bytes())

    def _keep_sample(self, sample: TrainingSample) -> None:
        if not self.lease.must_stop():
            self._reports.keep_sample(step=sample.step, number=sample.index, picture=sample.picture)

    def _end(self, outcome: Outcome) -> None:
        if isinstance(outcome, TrainingCancelled):
            self._end_stopped(outcome)
        elif isinstance(outcome, TrainingDiverged):
            self._fail(ErrorCode.TRAINING_DIVERGED, outcome)
        elif isinstance(outcome, Exception):
            raise outcome
        elif self.lease.lost:
            self._leave()
        else:
            self._finish()

    def _end_stopped(self, stopped: TrainingCancelled) -> None:
        if not self.lease.must_stop():
            self.let_go()
            return
        self.lease.closed = True
        is_ended = not self.lease.lost and end_cancelled_run(
            self._run,
            job=self.job,
            steps_done=max(stopped.step - self._first_step, 0),
            compute_seconds=stopped.compute_seconds,
        )
        if not is_ended:
            self._leave()

    def _finish(self) -> None:
        trained = self._trained
        try:
            with span("settle"):
                model = finish_run(
                    self._run,
                    job=self.job,
                    weights=trained.weights,
                    losses=[[step, loss] for step, loss in enumerate(trained.losses, start=1)],
                    steps_done=self._settings.steps - self._first_step,
                    compute_seconds=trained.compute_seconds,
                )
        except ProbeRefused as error:
            self._fail(ErrorCode.INTERNAL, error)
            return
        self.lease.closed = True
        if model is None:
            self._leave()
            return
        logger.info("lora_trained", run_id=str(self._run.id), model=model.key)


def _load(run: TrainingRun, *, resolution: int) -> list[TrainingImage]:
    """Return the pictures of a training with their captions; files of Easel's own writing.

    Raises:
        NotFound: one is gone, or is not its user's.
        OSError: the store is away.
    """
    with tenant_scope(run.user_id):
        rows = Image.objects.filter(user=run.user_id, image_name__in=run.picture_names)
        keys = dict(rows.values_list("image_name", "s3_key"))
    images = []
    for picture in run.pictures:
        key = keys.get(uuid.UUID(picture["image"]))
        if key is None:
            raise NotFound
        shown = _no_larger_than_needed(open_picture(key), side=resolution)
        images.append(TrainingImage(shown, picture["caption"]))
    return images


def _no_larger_than_needed(picture: PillowImage.Image, *, side: int) -> PillowImage.Image:
    # All of them lie in memory at once.
    factor = min(picture.size) // (2 * side)
    return picture.reduce(factor) if factor > 1 else picture
