"""Load the model of the job that is due next, while another job is made."""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from apps.catalog.models import GenerationModel
from apps.generation.queue_selectors import next_model
from apps.plans.tiers import GpuTier
from gpu_tasks.engine import Engine, EngineError, ModelSource

logger = structlog.get_logger(__name__)

# A job that ends sooner leaves no time to load anything, and costs no query.
FIRST_LOOK_SECONDS = 0.5
# A job that became due later is found at the next look.
LOOK_SECONDS = 2.0

SourceOf = Callable[[GenerationModel, GpuTier], ModelSource | None]


class Preloader:
    """Look for the next model in a thread of its own, for as long as a job is made.

    `source_of` says where a model lies; `None` for one whose files are not on this machine. No
    job waits for this thread, but one whose model is on its way waits for that as for any load.
    Whatever goes wrong here is left to the job that needs the model.
    """

    def __init__(self, *, engine: Engine, source_of: SourceOf) -> None:
        self._engine = engine
        self._source_of = source_of
        self._thread: threading.Thread | None = None

    @contextmanager
    def beside(self, current: ModelSource, *, tiers: Collection[GpuTier]) -> Iterator[None]:
        """Look and load for the time of the block, which makes pictures with `current`."""
        is_busy = self._thread is not None and self._thread.is_alive()
        if not settings.EASEL_PRELOAD or is_busy or not tiers:
            yield
            return
        ended = threading.Event()
        self._thread = threading.Thread(
            target=self._look, args=(current, tiers, ended), name="preload", daemon=True
        )
        self._thread.start()
        try:
            yield
        finally:
            ended.set()

    def wait(self, timeout: float) -> bool:
        """Wait until nothing is looked for or loaded any more; say whether that is so."""
        if self._thread is not None:
            self._thread.join(timeout)
            return not self._thread.is_alive()
        return True

    def _look(
        self, current: ModelSource, tiers: Collection[GpuTier], ended: threading.Event
    ) -> None:
        try:
            ended.wait(FIRST_LOOK_SECONDS)
            while not ended.is_set():
                # Only beside what is loaded is it known what else has room.
                is_ready = current.key in self._engine.loaded_models
                if is_ready and self._load_next(tiers):
                    return
                ended.wait(LOOK_SECONDS if is_ready else FIRST_LOOK_SECONDS)
        except (DatabaseError, OSError, EngineError) as error:
            logger.warning("not_preloaded", error=type(error).__name__)
        finally:
            connection.close()

    def _load_next(self, tiers: Collection[GpuTier]) -> bool:
        """Load the next model if there is one; say whether one was found at all."""
        found = next_model(tiers=tiers)
        if found is None:
            return False
        model, tier = found
        source = self._source_of(model, tier)
        if source is not None and source.path.exists():
            loaded = self._engine.preload_beside(source)
            logger.info("preloaded" if loaded else "no_room_to_preload", model=model.key)
        return True
