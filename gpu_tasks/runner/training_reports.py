"""Tell and keep how far a training is: losses, samples, checkpoints.

A training goes on whatever becomes of a report: the database or the store may be away for a moment,
and the next report says as much.
"""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.db import DatabaseError, close_old_connections
from django.urls import reverse
from PIL import Image as PillowImage

from apps.core.errors import Forbidden
from apps.generation.events import Progress, publisher
from apps.generation.models import Job
from apps.generation.selectors import save_progress
from apps.training.models import TrainingRun
from apps.training.services.results import (
    begin_anew,
    keep_checkpoint,
    keep_sample,
    note_losses,
)
from gpu_tasks.engine import ModelUnavailable
from gpu_tasks.runner.content import check_content

logger = structlog.get_logger(__name__)

SECONDS_BETWEEN_EVENTS = 0.5
# A page that is opened in between sees the losses up to here.
SECONDS_BETWEEN_NOTES = 5.0


class TrainingReporter:
    """Report one attempt at a training; `losses` are all of it so far, [step, loss]."""

    def __init__(self, *, job: Job, run: TrainingRun, total: int) -> None:
        self._job = job
        self._run = run
        self._total = total
        self._started = time.monotonic()
        self._first_step: int | None = None
        self._told_at = 0.0
        self._noted_at = time.monotonic()
        self._untold: list[list[float]] = []
        self.losses: list[list[float]] = list(run.losses)
        self.step = run.step

    def begin_anew(self) -> None:
        """Forget what an attempt told that this one does not go on from."""
        self.losses.clear()
        with self._whatever_happens("samples"):
            begin_anew(self._run)

    def note_step(self, step: int, loss: float) -> None:
        """Take a finished step, and pass it on if it is time."""
        if self._first_step is None:
            self._first_step = step - 1
            self._started = time.monotonic()
        self.step = step
        point = [step, round(loss, 6)]
        self.losses.append(point)
        self._untold.append(point)
        now = time.monotonic()
        if now - self._told_at >= SECONDS_BETWEEN_EVENTS or step == self._total:
            self._told_at = now
            self._tell_progress(now)
            self._tell(sample=None)
        if now - self._noted_at >= SECONDS_BETWEEN_NOTES:
            self._noted_at = now
            with self._whatever_happens("losses"):
                note_losses(self._run, step=step, losses=self.losses)

    def keep_checkpoint(self, step: int, content: bytes) -> None:
        """Keep a checkpoint, if the store and the database are there."""
        with self._whatever_happens("checkpoint"):
            if keep_checkpoint(self._run, step=step, content=content, losses=self.losses):
                logger.info("checkpoint_kept", run_id=str(self._run.id), step=step)

    def keep_sample(self, *, step: int, number: int, picture: PillowImage.Image) -> None:
        """Keep and show a sample, unless the safety check objects or cannot be asked.

        Nor is one kept that there is no storage left for.
        """
        buffer = io.BytesIO()
        picture.save(buffer, format="PNG")
        with self._whatever_happens("sample"):
            try:
                check_content(self._job, [picture])
                sample = keep_sample(
                    self._run,
                    step=step,
                    number=number,
                    content=buffer.getvalue(),
                    size=picture.size,
                )
            except (Forbidden, ModelUnavailable) as error:
                logger.warning("sample_withheld", error=type(error).__name__, step=step)
                return
            if sample is not None:
                self._tell(sample=reverse("training-sample", args=[self._run.id, sample.name]))

    @contextmanager
    def _whatever_happens(self, what: str) -> Iterator[None]:
        try:
            yield
        except (DatabaseError, OSError) as error:
            logger.warning("training_not_kept", what=what, error=type(error).__name__)
            close_old_connections()

    def _tell_progress(self, now: float) -> None:
        done = self.step - (self._first_step or 0)
        elapsed = now - self._started
        left = self._total - self.step
        progress: Progress = {
            "step": self.step,
            "total": self._total,
            "percent": int(100 * self.step / self._total),
            "seconds_left": round(elapsed / done * left, 1) if done > 1 else None,
            "preview": None,
        }
        save_progress(job_id=self._job.id, progress=progress)
        publisher.publish(
            self._job.user_id,
            {
                "type": "progress",
                "job_id": str(self._job.id),
                "attempt": self._job.attempt,
                **progress,
            },
        )

    def _tell(self, *, sample: str | None) -> None:
        losses, self._untold = self._untold, []
        publisher.publish(
            self._job.user_id,
            {
                "type": "training",
                "job_id": str(self._job.id),
                "attempt": self._job.attempt,
                "step": self.step,
                "total": self._total,
                "losses": losses,
                "sample": sample,
            },
        )
