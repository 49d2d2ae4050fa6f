"""Turn a request into pictures."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

from PIL import Image

from gpu_tasks.engine.errors import (
    GenerationCancelled,
    InvalidRequest,
    ModelUnavailable,
    OutOfMemory,
)
from gpu_tasks.engine.families import LoadedModel, ModelFamily, find_family
from gpu_tasks.engine.libraries import LIBRARY_VERSIONS, torch
from gpu_tasks.engine.memory import is_out_of_memory, release_memory, sparing_vae
from gpu_tasks.engine.model_cache import ModelCache
from gpu_tasks.engine.previews import DenoisedTap
from gpu_tasks.engine.request import (
    MIN_SIZE,
    GenerationRequest,
    GenerationResult,
    ModelSource,
    StepProgress,
)
from gpu_tasks.engine.schedulers import make_scheduler

logger = logging.getLogger(__name__)

_CPU_CACHE_BYTES: Final = 4 * 1024**3
# The rest of a card is for activations.
_GPU_CACHE_SHARE: Final = 0.7
_PRECISIONS: Final = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}

OnStep = Callable[[StepProgress], None]
IsCancelled = Callable[[], bool]


class Engine:
    """Make pictures on one device, with its models kept loaded up to `cache_bytes`.

    May be called from several threads: models load beside a generation, and generations run one
    after another, since diffusers pipelines share state through their parts.
    """

    def __init__(self, device: str | None = None, cache_bytes: int | None = None) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._cache: ModelCache[ModelSource, LoadedModel] = ModelCache(
            _default_cache_bytes(self.device) if cache_bytes is None else cache_bytes
        )
        # Libraries patch torch for the time of a load, so loads never overlap.
        self._loading = threading.Lock()
        self._running = threading.Lock()

    @property
    def loaded_models(self) -> list[str]:
        """Keys of the models in memory, the one used longest ago first."""
        return [source.key for source in self._cache.loaded()]

    @property
    def loaded_bytes(self) -> int:
        return self._cache.nbytes

    @contextmanager
    def hold(self, source: ModelSource) -> Iterator[LoadedModel]:
        """Keep a model loaded for the time of the block."""
        family = find_family(source.base)
        dtype = _choose_dtype(source.precision, self.device)
        with self._cache.use(
            source,
            lambda: self._load(source, family, dtype),
            expected_bytes=lambda: family.expected_bytes(source, dtype=dtype),
        ) as model:
            yield model

    def _load(self, source: ModelSource, family: ModelFamily, dtype: torch.dtype) -> LoadedModel:
        started = time.perf_counter()
        with self._loading:
            model = self._try_to_load(source, family, dtype)
            if isinstance(model, str):
                # Other models may be in the way.
                self._cache.drop_unused()
                release_memory()
                model = self._try_to_load(source, family, dtype)
        if isinstance(model, str):
            raise OutOfMemory("There is not enough memory for this model.", reason=model)
        seconds = time.perf_counter() - started
        logger.info("model_loaded: %s, %d bytes, %.2f s", source.key, model.nbytes, seconds)
        return model

    def _try_to_load(
        self, source: ModelSource, family: ModelFamily, dtype: torch.dtype
    ) -> LoadedModel | str:
        """Return the model, or what was said when memory ran out."""
        try:
            return family.load(source, device=self.device, dtype=dtype)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return str(error) or type(error).__name__

    def preload(self, source: ModelSource) -> float:
        """Load a model if it is not, and return the seconds it took."""
        started = time.perf_counter()
        with self.hold(source):
            return time.perf_counter() - started

    def warm_up(self, source: ModelSource) -> float:
        """Load a model and make one small picture with it; return the seconds.

        The first picture of a process is slow, since libraries choose and compile their kernels.
        """
        started = time.perf_counter()
        request = GenerationRequest(
            prompt="",
            width=MIN_SIZE,
            height=MIN_SIZE,
            steps=1,
            guidance_scale=2.0,
            scheduler="ddim",
            seed=0,
            model_key=source.key,
        )
        self.generate(request, source=source)
        return time.perf_counter() - started

    def unload(self, source: ModelSource) -> bool:
        """Forget a model, say because its files were replaced; say whether it was loaded."""
        return self._cache.drop(source)

    def generate(
        self,
        request: GenerationRequest,
        *,
        source: ModelSource,
        on_step: OnStep | None = None,
        is_cancelled: IsCancelled | None = None,
    ) -> GenerationResult:
        """Make the pictures of a request.

        `on_step` and `is_cancelled` are called in this thread after each step, the latter also
        before the model is loaded and before the first step. After a first try that ran out of
        memory the steps are counted from 1 again.

        Raises InvalidRequest, ModelUnavailable, OutOfMemory, and GenerationCancelled with the
        pictures that were finished.
        """
        if request.model_key != source.key:
            raise InvalidRequest({"model_key": "is not the model that was given"})
        if is_cancelled is not None and is_cancelled():
            raise GenerationCancelled(images=(), seeds=(), compute_seconds=0.0)
        asked = time.perf_counter()
        with self.hold(source) as model:
            load_seconds = time.perf_counter() - asked
            with self._running:
                run = _Run(model, request, on_step, is_cancelled, started=time.perf_counter())
                sparingly = self._run_with_second_try(run)
                return GenerationResult(
                    images=tuple(run.finished),
                    seeds=request.seeds,
                    compute_seconds=run.seconds,
                    model_load_seconds=load_seconds,
                    device=str(self.device),
                    library_versions=LIBRARY_VERSIONS,
                    memory_saved=sparingly,
                )

    def _run_with_second_try(self, run: _Run) -> bool:
        """Run, and once more sparingly when memory ran out; say whether that was needed."""
        shortage = run.make_pictures(sparing=False)
        if shortage is None:
            return False
        logger.warning("out_of_memory: trying again sparingly: %s", shortage)
        self._cache.drop_unused()
        release_memory()
        shortage = run.make_pictures(sparing=True)
        if shortage is None:
            return True
        release_memory()
        raise OutOfMemory(
            "There is not enough memory for this picture. Try a smaller size or fewer pictures.",
            reason=shortage,
        )


@dataclass(slots=True)
class _Run:
    """Carry one request through its tries; `finished` holds whole pictures only."""

    model: LoadedModel
    request: GenerationRequest
    on_step: OnStep | None
    is_cancelled: IsCancelled | None
    started: float
    finished: list[Image.Image] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started

    def make_pictures(self, *, sparing: bool) -> str | None:
        """Make all pictures in one batch, or one after another if that is to spare memory.

        Return what was said when memory ran out, and not the error itself: its frames hold the
        tensors that are in the way.
        """
        self.finished.clear()
        try:
            with torch.inference_mode():
                if not sparing:
                    self._call_pipeline(self.request.seeds, sparing=False, image_index=None)
                    return None
                for index, seed in enumerate(self.request.seeds):
                    self._call_pipeline((seed,), sparing=True, image_index=index)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return str(error) or type(error).__name__
        return None

    def _call_pipeline(
        self, seeds: tuple[int, ...], *, sparing: bool, image_index: int | None
    ) -> None:
        self.stop_if_cancelled()
        model, request = self.model, self.request
        scheduler = make_scheduler(
            request.scheduler, model_config=model.scheduler_config, steps=request.steps
        )
        tap = None if self.on_step is None else DenoisedTap(scheduler)
        pipeline = model.family.make_pipeline(model, request, scheduler=scheduler, sparing=sparing)
        # On the CPU, so that a seed gives the same noise on every device.
        generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
        with sparing_vae(pipeline.vae) if sparing else nullcontext():
            output = pipeline(
                **model.family.call_arguments(request),
                num_images_per_prompt=len(seeds),
                generator=generators,
                callback_on_step_end=_StepCallback(self, tap, image_index),
            )
        self.finished.extend(output.images)

    def stop_if_cancelled(self) -> None:
        if self.is_cancelled is not None and self.is_cancelled():
            finished = tuple(self.finished)
            raise GenerationCancelled(
                images=finished,
                seeds=self.request.seeds[: len(finished)],
                compute_seconds=self.seconds,
            )


class _StepCallback:
    """Report finished steps of one call of a pipeline, and end it when it was cancelled."""

    def __init__(self, run: _Run, tap: DenoisedTap | None, image_index: int | None) -> None:
        self._run = run
        self._tap = tap
        self._image_index = image_index
        self._steps: dict[int, int] = {}

    def __call__(
        self, pipeline: Any, index: int, _timestep: Any, tensors: dict[str, Any]
    ) -> dict[str, Any]:
        run = self._run
        if run.on_step is not None and self._tap is not None:
            if not self._steps:
                self._steps = _number_the_steps(
                    evaluations=pipeline.num_timesteps,
                    steps=run.request.denoising_steps,
                    order=pipeline.scheduler.order,
                )
            if step := self._steps.get(index):
                latents = tensors["latents"]
                tap, draw = self._tap, run.model.preview.draw
                run.on_step(
                    StepProgress(
                        step=step,
                        total=len(self._steps),
                        image_index=self._image_index,
                        images_total=run.request.num_images,
                        preview=lambda: draw(tap.denoised(latents)),
                    )
                )
        run.stop_if_cancelled()
        return {}


def _number_the_steps(*, evaluations: int, steps: int, order: int) -> dict[int, int]:
    """Map the index of each evaluation of the U-Net that ends a step to that step, from 1.

    Heun and DPM2 evaluate twice in a step and PNDM once more at its start; this is the rule by
    which diffusers moves its own progress bar.
    """
    warm_up = evaluations - steps * order
    ends = [
        index
        for index in range(evaluations)
        if index == evaluations - 1 or (index + 1 > warm_up and (index + 1) % order == 0)
    ]
    return {index: step for step, index in enumerate(ends, start=1)}


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
