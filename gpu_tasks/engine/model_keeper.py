"""Keep models loaded on a device, and what requests add to them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from gpu_tasks.engine.add_ons import AddOnLoader, AddOns
from gpu_tasks.engine.counts import CountKeeper
from gpu_tasks.engine.errors import ModelUnavailable, OutOfMemory
from gpu_tasks.engine.families import LoadedModel, ModelFamily, find_family
from gpu_tasks.engine.libraries import PATCHING, torch
from gpu_tasks.engine.memory import is_out_of_memory, release_memory
from gpu_tasks.engine.model_cache import ModelCache
from gpu_tasks.engine.prompts.embedding_cache import DEFAULT_LIMIT_BYTES, EmbeddingCache
from gpu_tasks.engine.request import GenerationRequest, ModelSource
from gpu_tasks.engine.tuning import EngineTuning

logger = logging.getLogger(__name__)

_CPU_CACHE_BYTES: Final = 4 * 1024**3
# The rest of a card is for activations.
_GPU_CACHE_SHARE: Final = 0.7
_PRECISIONS: Final = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}


class ModelKeeper:
    """Have models ready on one device for whoever makes something with them."""

    def __init__(
        self,
        device: str | None = None,
        cache_bytes: int | None = None,
        *,
        tuning: EngineTuning | None = None,
        prompt_bytes: int = DEFAULT_LIMIT_BYTES,
    ) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.tuning = EngineTuning.for_device(self.device) if tuning is None else tuning
        # Models by their sources, and what requests add to them.
        self._cache: ModelCache[Any, Any] = ModelCache(
            _default_cache_bytes(self.device) if cache_bytes is None else cache_bytes
        )
        self.prompts = EmbeddingCache(prompt_bytes)
        self.counts = CountKeeper()
        self._running = threading.Lock()
        self._lending = threading.Event()

    @property
    def loaded_models(self) -> list[str]:
        """Keys of the models in memory, the one used longest ago first."""
        return [key.key for key in self._cache.loaded() if isinstance(key, ModelSource)]

    @property
    def loaded_bytes(self) -> int:
        return self._cache.nbytes

    @contextmanager
    def hold(self, source: ModelSource) -> Iterator[LoadedModel]:
        """Keep a model loaded for the time of the block."""
        family = find_family(source.base)
        dtype = _choose_dtype(source.placement.precision, self.device)
        if source in self._cache.loaded():
            self.counts.hit(source.key)
        with self._cache.use(
            source,
            lambda: self._load(source, family, dtype),
            expected_bytes=lambda: family.expected_bytes(source, dtype=dtype),
        ) as model:
            yield model

    @contextmanager
    def lend(self, source: ModelSource, *, dtype: torch.dtype) -> Iterator[LoadedModel]:
        """Load a model for the time of the block, for a caller who may change it as they like.

        It is none of those that are kept, which make room for it. No pictures are made meanwhile.
        """
        self._lending.set()
        try:
            self._cache.drop_unused()
            release_memory()
            lent = [self._load(source, find_family(source.base), dtype)]
            with self._running, self.tuning.attending():
                yield lent.pop()
        finally:
            self._lending.clear()

    def _load(self, source: ModelSource, family: ModelFamily, dtype: torch.dtype) -> LoadedModel:
        started = time.perf_counter()
        with ExitStack() as alone:
            if family.loads_alone(source, dtype=dtype):
                # Its load changes what torch makes numbers of, in every thread. Before the other
                # lock, which a generation takes that has this one.
                alone.enter_context(self._running)
            alone.enter_context(PATCHING)
            model = self._try_to_load(source, family, dtype)
            if isinstance(model, str):
                # Other models may be in the way.
                self._cache.drop_unused()
                release_memory()
                model = self._try_to_load(source, family, dtype)
        if isinstance(model, str):
            self.counts.ran_short(source.key)
            raise OutOfMemory("There is not enough memory for this model.", reason=model)
        seconds = time.perf_counter() - started
        self.counts.loaded(source.key, seconds=seconds)
        logger.info("model_loaded: %s, %d bytes, %.2f s", source.key, model.nbytes, seconds)
        return model

    def _try_to_load(
        self, source: ModelSource, family: ModelFamily, dtype: torch.dtype
    ) -> LoadedModel | str:
        """Return the model, or what was said when memory ran out."""
        try:
            model = family.load(source, device=self.device, dtype=dtype)
            self.tuning.lay_out(model)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return str(error) or type(error).__name__
        return model

    def preload(self, source: ModelSource) -> float:
        """Load a model if it is not, and return the seconds it took."""
        started = time.perf_counter()
        with self.hold(source):
            return time.perf_counter() - started

    def preload_beside(self, source: ModelSource) -> bool:
        """Load a model beside what is in use, if it fits there; say whether it is loaded.

        Not one that would have generations wait for its load, and none beside what is lent.
        """
        if source in self._cache.loaded():
            return True
        if self._lending.is_set():
            return False
        family = find_family(source.base)
        dtype = _choose_dtype(source.placement.precision, self.device)
        if family.loads_alone(source, dtype=dtype):
            return False
        if not self._cache.has_room(family.expected_bytes(source, dtype=dtype)):
            return False
        self.preload(source)
        if self._lending.is_set():
            # What was to make room was dropped while this one was on its way.
            self._cache.drop(source)
            release_memory()
            return False
        return True

    def unload(self, source: ModelSource) -> bool:
        """Forget a model, say because its files were replaced; say whether it was loaded."""
        self.prompts.clear()
        return self._cache.drop(source)

    @contextmanager
    def _hold_all(
        self, source: ModelSource, request: GenerationRequest
    ) -> Iterator[tuple[LoadedModel, AddOns]]:
        """Keep a model and all that a request adds to it loaded for the time of the block."""
        with ExitStack() as stack:
            model = stack.enter_context(self.hold(source))
            add_ons = AddOnLoader(self._cache, model, stack).load(request)
            if request.refiner is not None:
                add_ons.refiner = stack.enter_context(self.hold(request.refiner))
            yield model, add_ons

    def _try_twice(
        self,
        attempt: Callable[..., str | None],
        model: LoadedModel,
        start_again: Callable[[], None] = lambda: None,
    ) -> bool:
        """Attempt, and once more sparingly when memory ran out; say whether that was needed."""
        shortage = attempt(sparing=False)
        if shortage is None:
            return False
        self.counts.ran_short(model.source.key)
        logger.warning("out_of_memory: trying again sparingly: %s", shortage)
        start_again()
        self._cache.drop_unused()
        release_memory()
        shortage = attempt(sparing=True)
        if shortage is None:
            return True
        release_memory()
        raise OutOfMemory(
            "There is not enough memory for this picture. Try a smaller size or fewer pictures.",
            reason=shortage,
        )


def _default_cache_bytes(device: torch.device) -> int:
    if device.type != "cuda":
        return _CPU_CACHE_BYTES
    return int(torch.cuda.get_device_properties(device).total_memory * _GPU_CACHE_SHARE)


def _choose_dtype(precision: str, device: torch.device) -> torch.dtype:
    if precision == "auto":
        # Half precision is slow on CPUs, and a T4 has no bfloat16.
        return torch.float16 if device.type == "cuda" else torch.float32
    try:
        return _PRECISIONS[precision]
    except KeyError:
        raise ModelUnavailable(
            "This kind of model is not supported.", reason=f"no precision {precision!r}"
        ) from None
