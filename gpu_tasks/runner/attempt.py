"""One claimed job on its way: what the engine is asked, and how the job ends."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, ClassVar

import structlog
from django.db import DatabaseError, connection
from PIL import Image as PillowImage

from apps.catalog.models import GenerationModel
from apps.core.errors import ErrorCode, Forbidden, Invalid, NotFound, new_error_id
from apps.core.observability.tracing import continued, span
from apps.core.sentry import report
from apps.generation.models import Job
from apps.generation.parameters import GenerationParameters
from apps.generation.services.admission import check_entitled
from apps.generation.services.leases import hand_back
from apps.generation.services.results import fail_job, finish_job, result_name
from apps.images.services.pictures import StoredPicture, delete_files, store_picture
from gpu_tasks.engine import (
    Engine,
    EngineError,
    GenerationCancelled,
    GenerationRequest,
    GenerationResult,
    InvalidRequest,
    ModelUnavailable,
    OutOfMemory,
    PassMember,
    StepProgress,
)
from gpu_tasks.providers import ProviderError
from gpu_tasks.runner.content import check_content
from gpu_tasks.runner.facts import facts_of_making
from gpu_tasks.runner.inputs import engine_request
from gpu_tasks.runner.lease import Lease
from gpu_tasks.runner.progress import ProgressReporter
from gpu_tasks.runner.sources import Source
from gpu_tasks.runner.trace import AttemptTrace
from gpu_tasks.worker.shutdown import Pace, Shutdown

logger = structlog.get_logger(__name__)

Outcome = GenerationResult | Exception

# Asked for too much, or the picture or the plan has gone meanwhile: nothing for us to repair.
_USERS_FAULTS = frozenset(
    {
        ErrorCode.OUT_OF_MEMORY,
        ErrorCode.NOT_FOUND,
        ErrorCode.PLAN_PAUSED,
        ErrorCode.MODEL_NOT_IN_PLAN,
        ErrorCode.LICENSE_REQUIRED,
        ErrorCode.STORAGE_FULL,
        ErrorCode.MODEL_GONE,
        ErrorCode.INVALID,
        ErrorCode.CONTENT_REFUSED,
        ErrorCode.FEATURE_NOT_IN_PLAN,
        ErrorCode.TRAINING_DIVERGED,
        ErrorCode.IMAGE_PROVIDER_REFUSED,
        ErrorCode.IMAGE_PROVIDER_KEY_MISSING,
        ErrorCode.IMAGE_PROVIDER_KEY_REJECTED,
        ErrorCode.IMAGE_PROVIDER_KEY_LIMITED,
        ErrorCode.IMAGE_PROVIDER_KEY_EMPTY,
    }
)


class Attempt:
    """Carry one job from its claim to its end; whatever goes wrong here is this job's alone.

    A solo one makes what is asked for by itself, in `make`; the others' requests are carried by
    the engine, many at once. Those of other kinds override `_prepare`, `make` and `_end`. One that
    runs beside needs no GPU, and a thread of its own carries it.
    """

    is_solo: ClassVar[bool] = False
    is_beside: ClassVar[bool] = False
    # Whether the seed decides anything.
    _has_seed = True

    def __init__(
        self, *, job: Job, shutdown: Shutdown, source: Source, device: str, asked_ns: int
    ) -> None:
        self.job = job
        self.trace = AttemptTrace(job, asked_ns=asked_ns)
        self._source = source
        self._device = device
        self._add_ons: Mapping[str, GenerationModel] = {}
        self.lease = Lease(job_id=job.id, attempt=job.attempt)
        self.request: GenerationRequest | None = None
        self._shutdown = shutdown
        self._pace = Pace()
        self._reporter = ProgressReporter(job=job)
        self._early_end: threading.Thread | None = None

    @cached_property
    def parameters(self) -> GenerationParameters:
        return self.job.settings

    def prepare(self) -> bool:
        """Look whether the job may still be made, and load what it needs beside its model."""
        with self._ended_by_errors():
            self._prepare()
        if self.lease.closed:
            self.trace.end()
        return not self.lease.closed

    def _prepare(self) -> None:
        self._add_ons = check_entitled(self.job)
        self.request = engine_request(
            self.job, self.parameters, add_ons=self._add_ons, source=self._source
        )

    def make(self, engine: Engine) -> Outcome:
        """Make what a solo attempt is for; what is raised ends its job.

        Raises:
            NotImplementedError: the engine carries this one.
        """
        raise NotImplementedError

    def outcome(self, engine: Engine) -> Outcome:
        """Return what `make` returns, or the error by which the job is to end."""
        try:
            with structlog.contextvars.bound_contextvars(job_ids=[str(self.job.id)]):
                return self.make(engine)
        except Exception as error:  # noqa: BLE001  (the job ends by it)
            return error

    def member(self, *, in_company: bool) -> PassMember:
        """Return what the engine is asked; in company a cancel is answered before the others end.

        Raises:
            ValueError: the attempt was not prepared.
        """
        if self.request is None:
            raise ValueError("this attempt was not prepared")
        return PassMember(
            request=self.request,
            on_step=self._note_step,
            is_cancelled=self._must_stop,
            on_end=self._end_early if in_company else None,
            on_phase=self.trace.add_phase,
        )

    def end(self, outcome: Outcome) -> None:
        """Store what was made and end the job, unless that was done early."""
        if self._early_end is not None:
            self._early_end.join()
        if not self.lease.closed:
            with self._ended_by_errors():
                self._end(outcome)
        self.trace.end()

    def hand_back(self, *, is_counted: bool = True) -> bool:
        """Make the job due again; its late result will be refused."""
        self.lease.closed = True
        job = self.job
        return hand_back(
            user_id=job.user_id, job_id=job.id, attempt=job.attempt, is_counted=is_counted
        )

    def let_go(self) -> None:
        """Hand the job back since this process ends, from whichever thread."""
        if self.hand_back(is_counted=False):
            logger.warning("job_let_go", job_id=str(self.job.id), attempt=self.job.attempt)
        self.trace.end()

    def _note_step(self, step: StepProgress) -> None:
        self._pace.note(step.fraction)
        self._reporter.report(step)

    def _must_stop(self) -> bool:
        left = self._pace.seconds_left
        return self.lease.must_stop() or self._shutdown.must_let_go(seconds_left=left)

    def _end_early(self, outcome: Outcome) -> None:
        """Answer a cancel at once, from a thread: the others' pictures are under way."""
        if not isinstance(outcome, GenerationCancelled):
            return

        def end() -> None:
            try:
                with self._ended_by_errors():
                    self._end(outcome)
            finally:
                connection.close()

        self._early_end = threading.Thread(target=end, name=f"end-{self.job.id}")
        self._early_end.start()

    def _end(self, outcome: Outcome) -> None:
        if isinstance(outcome, GenerationCancelled):
            if not self.lease.must_stop():
                self.let_go()
                return
        elif isinstance(outcome, Exception):
            raise outcome
        if self.lease.lost:
            self._leave()
            return
        job = self.job
        self._check(outcome.images)
        with span("store", {"easel.pictures": len(outcome.images)}):
            stored = self._store(outcome)
        with span("settle"):
            finished = self._settle(outcome, stored)
        self.lease.closed = True
        if not finished:
            self._leave()
            for picture in stored:
                delete_files(user_id=job.user_id, image_name=picture.image_name)

    def _charge(self, pictures: int) -> int | None:
        """Return the credits that `pictures` cost; `None` where the seconds are charged."""
        del pictures
        return None

    def _facts_of_making(self, made: GenerationResult | GenerationCancelled) -> dict[str, Any]:
        return facts_of_making(
            self.job,
            parameters=self.parameters,
            add_ons=self._add_ons,
            made=made,
            device=self._device,
        )

    def _leave(self) -> None:
        self.lease.closed = True
        logger.warning("attempt_lost")

    def _store(self, made: GenerationResult | GenerationCancelled) -> Sequence[StoredPicture]:
        job = self.job
        facts = self._facts_of_making(made)
        return [
            store_picture(
                user_id=job.user_id,
                image_name=result_name(job_id=job.id, attempt=job.attempt, index=index),
                picture=picture,
                metadata={**facts, "seed": seed if self._has_seed else None},
            )
            for index, (picture, seed) in enumerate(zip(made.images, made.seeds, strict=True))
        ]

    def _check(self, pictures: Sequence[PillowImage.Image]) -> None:
        check_content(self.job, pictures)

    def _settle(
        self, made: GenerationResult | GenerationCancelled, stored: Sequence[StoredPicture]
    ) -> bool:
        """End the job with its pictures; `False` if another attempt has it meanwhile."""
        job = self.job
        return finish_job(
            user_id=job.user_id,
            job_id=job.id,
            attempt=job.attempt,
            pictures=stored,
            compute_seconds=made.compute_seconds,
            cancelled=isinstance(made, GenerationCancelled),
            charge=self._charge(len(stored)),
        )

    @contextmanager
    def _ended_by_errors(self) -> Iterator[None]:
        """End the job by the error that leaves the block, if one does."""
        job = self.job
        with (
            structlog.contextvars.bound_contextvars(job_id=str(job.id), attempt=job.attempt),
            continued(self.trace.traceparent),
        ):
            try:
                yield
            except Exception as error:  # noqa: BLE001  (whatever it was, the job must not stay)
                try:
                    self._end_by(error)
                except (DatabaseError, OSError) as gone:
                    # Its lease runs out by itself.
                    logger.warning("job_not_ended", error=type(gone).__name__)

    def _end_by(self, error: Exception) -> None:
        match error:
            case OutOfMemory():
                self._fail(ErrorCode.OUT_OF_MEMORY, error)
            case ModelUnavailable():
                self._fail(ErrorCode.MODEL_UNAVAILABLE, error)
            case InvalidRequest() | Invalid():
                self._fail(ErrorCode.INVALID, error)
            case NotFound() | Forbidden():
                self._fail(error.code, error)
            case DatabaseError() | OSError():
                # The database or the store is away for a moment: another attempt may fare better.
                logger.error("job_handed_back", error=type(error).__name__, exc_info=error)
                self.hand_back()
            case _:
                self._fail(ErrorCode.INTERNAL, error)

    def _fail(self, code: ErrorCode, error: Exception) -> None:
        job = self.job
        self.lease.closed = True
        self.trace.fail(error)
        error_id = new_error_id()
        reason = error.reason if isinstance(error, EngineError | ProviderError) else ""
        logger.error("job_attempt_failed", error_id=error_id, reason=reason, exc_info=error)
        if code not in _USERS_FAULTS:
            report(error, error_id=error_id, code=code)
        fail_job(
            user_id=job.user_id, job_id=job.id, attempt=job.attempt, code=code, error_id=error_id
        )
