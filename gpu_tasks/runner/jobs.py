"""Claim jobs, have their pictures made with the engine, bring each to its end."""

import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import structlog
from django.conf import settings
from django.db import DatabaseError, close_old_connections

from apps.catalog.models import GenerationModel
from apps.generation.models import Job
from apps.generation.services.leases import claim_alike, claim_next_job
from apps.plans.tiers import GpuTier
from gpu_tasks.engine import Engine, GenerationResult, ModelSource
from gpu_tasks.engine.batching import Batching, BatchTable
from gpu_tasks.engine.device import device_name
from gpu_tasks.providers import PROVIDER_MODEL_KEYS
from gpu_tasks.runner.attempt import Attempt, Outcome
from gpu_tasks.runner.beside import Beside
from gpu_tasks.runner.kinds import attempt_class
from gpu_tasks.runner.lease import LeaseKeeper
from gpu_tasks.runner.preloading import Preloader
from gpu_tasks.runner.sources import model_source
from gpu_tasks.runner.weights import are_here
from gpu_tasks.worker.shutdown import Shutdown

logger = structlog.get_logger(__name__)


class JobRunner:
    """Serve the jobs of some tiers with one engine: one at a time, or several that are alike.

    With `ends_aside` pictures are stored, and their jobs ended, in a thread while the next job
    is made; no more than one pass waits so.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        tiers: Collection[GpuTier],
        worker: str,
        ends_aside: bool = False,
    ) -> None:
        self.engine = engine
        self.tiers = tiers
        self.worker = worker
        self.shutdown = Shutdown()
        self.batches = BatchTable(Batching(settings.EASEL_BATCHING))
        # Tiers that an operator wants nothing claimed of.
        self.drained: Collection[GpuTier] = frozenset()
        self.on_change: Callable[[], None] = _nothing
        self.preloader = Preloader(engine=engine, source_of=self._source_here)
        self._attempts: Sequence[Attempt] = ()
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="ends") if ends_aside else None
        self._ending: Future[None] | None = None
        self._ending_attempts: Sequence[Attempt] = ()
        self._beside = Beside(
            places=settings.EASEL_PROVIDER_CALLS,
            engine=engine,
            on_change=lambda: self.on_change(),
        )

    @property
    def open_tiers(self) -> list[GpuTier]:
        """List the tiers that jobs may be claimed of now."""
        if self.shutdown.is_asked:
            return []
        return [tier for tier in self.tiers if tier not in self.drained]

    @property
    def current(self) -> Job | None:
        """Return the job at hand; with others beside it, the one that was claimed first.

        Those that need no GPU are named while it has nothing to do.
        """
        attempts = self._attempts or self._ending_attempts or self._beside.attempts
        return attempts[0].job if attempts else None

    def run_next(self) -> bool:
        """Claim the next due job and bring it to its end; `False` if none was due.

        Others like it are claimed and made with it, as many as pay. One that needs no GPU is
        carried by a thread, and not waited for.
        """
        asked_ns = time.time_ns()
        job = self._claim()
        if job is None:
            return False
        if attempt_class(job).is_beside:
            self._beside.start(self._attempt(job, asked_ns=asked_ns))
            return True
        self._attempts = [
            self._attempt(one, asked_ns=asked_ns) for one in (job, *self._claim_alike(job))
        ]
        self.on_change()
        try:
            with ExitStack() as leases:
                leases.enter_context(LeaseKeeper([attempt.lease for attempt in self._attempts]))
                made = self._make(self._attempts)
                if self._aside is None:
                    _end_all(made)
                else:
                    self.wait_for_ends()
                    self._ending_attempts = self._attempts
                    self._ending = self._aside.submit(self._end_aside, made, leases.pop_all())
        finally:
            self._attempts = ()
            self.on_change()
        return True

    def _claim(self) -> Job | None:
        while True:
            is_full = self._beside.is_full
            job = self._claim_with(is_full=is_full)
            if job is not None or not is_full or self._beside.miss():
                return job

    def _claim_with(self, *, is_full: bool) -> Job | None:
        tiers = self.open_tiers
        loaded: Collection[str] = self.engine.loaded_models
        if not tiers:
            return None
        if loaded and not is_full:
            # They need no model that is loaded, so nobody goes before them for its sake.
            loaded = (*loaded, *PROVIDER_MODEL_KEYS)
        return claim_next_job(
            tiers=tiers,
            worker=self.worker,
            loaded=loaded,
            unwanted=PROVIDER_MODEL_KEYS if is_full else (),
        )

    def _end_aside(self, made: Sequence[tuple[Attempt, Outcome]], leases: ExitStack) -> None:
        close_old_connections()
        try:
            with leases:
                _end_all(made)
        finally:
            self._ending_attempts = ()
            close_old_connections()
            self.on_change()

    def wait_for_ends(self) -> None:
        """Block until the jobs whose pictures are made have ended."""
        if self._ending is not None:
            self._ending.result()

    def wait_for_all(self) -> None:
        """Block until no job is under way in any thread."""
        self.wait_for_ends()
        self._beside.wait()

    def let_go(self) -> None:
        """Hand the jobs at hand back, from whichever thread: late results will be refused."""
        for attempt in (*self._attempts, *self._ending_attempts, *self._beside.attempts):
            if not attempt.lease.closed:
                attempt.let_go()

    def source(self, model: GenerationModel, *, tier: GpuTier) -> ModelSource:
        """Say where a model lies, and how on the card of a tier; errors as `model_source`."""
        is_card = self.engine.device.type == "cuda"
        return model_source(model, tier=tier if is_card else None)

    def _source_here(self, model: GenerationModel, tier: GpuTier) -> ModelSource | None:
        return self.source(model, tier=tier) if are_here(model) else None

    def _attempt(self, job: Job, *, asked_ns: int) -> Attempt:
        return attempt_class(job)(
            job=job,
            shutdown=self.shutdown,
            source=partial(self.source, tier=GpuTier(job.tier)),
            device=device_name(self.engine.device),
            asked_ns=asked_ns,
        )

    def _claim_alike(self, job: Job) -> list[Job]:
        if attempt_class(job).is_solo or not job.settings.is_plain:
            return []
        room = self.batches.pictures_for(job.batch_shape) - job.parameters["num_images"]
        if room < 1:
            return []
        try:
            return claim_alike(leader=job, worker=self.worker, pictures=room)
        except DatabaseError as error:
            # The one that is claimed goes on alone.
            logger.warning("none_claimed_alike", error=type(error).__name__)
            return []

    def _make(self, attempts: Sequence[Attempt]) -> list[tuple[Attempt, Outcome]]:
        ready = [attempt for attempt in attempts if attempt.prepare()]
        if not ready:
            return []
        if ready[0].is_solo:
            return [(ready[0], ready[0].outcome(self.engine))]
        in_company = len(ready) > 1
        members = [attempt.member(in_company=in_company) for attempt in ready]
        job_ids = [str(attempt.job.id) for attempt in ready]
        outcomes: Sequence[Outcome]
        try:
            with structlog.contextvars.bound_contextvars(job_ids=job_ids):
                job = ready[0].job
                source = self.source(job.model, tier=GpuTier(job.tier))
                with self.preloader.beside(source, tiers=self.open_tiers):
                    outcomes = self.engine.generate_together(members, source=source)
        except Exception as error:  # noqa: BLE001  (each of the jobs ends by it)
            outcomes = [error] * len(ready)
        self._note_pace(ready, outcomes)
        return list(zip(ready, outcomes, strict=True))

    def _note_pace(self, attempts: Sequence[Attempt], outcomes: Sequence[Outcome]) -> None:
        shape = attempts[0].job.batch_shape
        pictures = sum(attempt.parameters.num_images for attempt in attempts)
        made = [outcome for outcome in outcomes if isinstance(outcome, GenerationResult)]
        if len(made) < len(attempts):
            # Some left on the way: it tells nothing of any size.
            return
        if all(result.pass_pictures == pictures for result in made):
            seconds = sum(result.compute_seconds for result in made)
            self.batches.note(shape, pictures=pictures, seconds=seconds)
        elif len(made) > 1:
            self.batches.note_failure(shape, pictures=pictures)


def _end_all(made: Sequence[tuple[Attempt, Outcome]]) -> None:
    for attempt, outcome in made:
        attempt.end(outcome)


def _nothing() -> None:
    return None
