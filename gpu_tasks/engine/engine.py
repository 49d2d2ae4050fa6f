"""Turn a request into pictures."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from gpu_tasks.engine.add_ons import AddOnLoader, AddOns
from gpu_tasks.engine.calls import call_parameters
from gpu_tasks.engine.counts import CountKeeper
from gpu_tasks.engine.courses import first_task
from gpu_tasks.engine.errors import (
    InvalidRequest,
    ModelUnavailable,
    OutOfMemory,
)
from gpu_tasks.engine.families import LoadedModel, ModelFamily, find_family
from gpu_tasks.engine.family_facts import Capability
from gpu_tasks.engine.forward_pass import ForwardPass
from gpu_tasks.engine.libraries import LIBRARY_VERSIONS, PATCHING, torch
from gpu_tasks.engine.memory import is_out_of_memory, release_memory
from gpu_tasks.engine.model_cache import ModelCache
from gpu_tasks.engine.passengers import Passenger, tell_phase
from gpu_tasks.engine.prompts.embedding_cache import DEFAULT_LIMIT_BYTES, EmbeddingCache
from gpu_tasks.engine.request import (
    MIN_SIZE,
    GenerationRequest,
    GenerationResult,
    IsCancelled,
    ModelSource,
    OnStep,
    PassMember,
    Phase,
)
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


class Engine:
    """Make pictures on one device, with its models kept loaded up to `cache_bytes`.

    `tuning` is what was decided for the device unless it is given. Read prompts are kept up to
    `prompt_bytes`.

    May be called from several threads: models load beside a generation, and generations run one
    after another, since diffusers pipelines share state through their parts.
    """

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
        self._cache.drop_unused()
        release_memory()
        lent = [self._load(source, find_family(source.base), dtype)]
        with self._running, self.tuning.attending():
            yield lent.pop()

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

        Not one that would have generations wait for its load.
        """
        if source in self._cache.loaded():
            return True
        family = find_family(source.base)
        dtype = _choose_dtype(source.placement.precision, self.device)
        if family.loads_alone(source, dtype=dtype):
            return False
        if not self._cache.has_room(family.expected_bytes(source, dtype=dtype)):
            return False
        self.preload(source)
        return True

    def warm_up(self, source: ModelSource) -> float:
        """Load a model and make one small picture with it; return the seconds.

        The first picture of a process is slow, since libraries choose and compile their kernels.
        """
        started = time.perf_counter()
        facts = find_family(source.base).facts
        if Capability.TXT2IMG in facts.lacks:
            return self.preload(source)
        request = GenerationRequest(
            prompt="",
            width=MIN_SIZE,
            height=MIN_SIZE,
            steps=1,
            guidance_scale=2.0,
            scheduler=next(iter(facts.schedulers)),
            seed=0,
            model_key=source.key,
        )
        self.generate(request, source=source)
        return time.perf_counter() - started

    def unload(self, source: ModelSource) -> bool:
        """Forget a model, say because its files were replaced; say whether it was loaded."""
        self.prompts.clear()
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
        member = PassMember(request=request, on_step=on_step, is_cancelled=is_cancelled)
        (outcome,) = self.generate_together([member], source=source)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def generate_together(
        self, members: Sequence[PassMember], *, source: ModelSource
    ) -> list[GenerationResult | Exception]:
        """Make the pictures of requests of one shape in one forward pass.

        Returns for each member what `generate` would return or raise. Nobody's outcome depends
        on the others: whoever is cancelled leaves at the next step, and if the pass fails each is
        made by itself. The seconds of the pass are shared by pictures and by time aboard; those
        of a pass that failed are nobody's.

        Raises InvalidRequest if the requests are not alike, ModelUnavailable, and OutOfMemory if
        the model itself does not fit.
        """
        if any(member.request.model_key != source.key for member in members):
            raise InvalidRequest({"model_key": "is not the model that was given"})
        if len({member.request.shape for member in members}) > 1:
            raise InvalidRequest({"shape": "differs from that of another request of this pass"})
        family = find_family(source.base)
        passengers = [Passenger(member) for member in members]
        for passenger in passengers:
            try:
                check_request(passenger.request, family)
                check_pictures(passenger.request)
            except InvalidRequest as error:
                passenger.arrive(error)
            else:
                passenger.leave_if_cancelled()
        if not any(passenger.is_aboard for passenger in passengers):
            return [passenger.outcome for passenger in passengers]
        asked, asked_ns = time.perf_counter(), time.time_ns()
        with self._hold_all(source, passengers[0].request) as (model, add_ons):
            load_seconds = time.perf_counter() - asked
            tell_phase(passengers, Phase.LOAD, asked_ns, time.time_ns())
            with self._running, self.tuning.attending():
                self._carry(model, add_ons, passengers, load_seconds)
        return [passenger.outcome for passenger in passengers]

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

    def _carry(
        self,
        model: LoadedModel,
        add_ons: AddOns,
        passengers: Sequence[Passenger],
        load_seconds: float,
    ) -> None:
        aboard = [passenger for passenger in passengers if passenger.is_aboard]
        if len(aboard) > 1 and self._share(model, aboard):
            self._end(aboard, load_seconds, sparingly=False)
            return
        for passenger in aboard:
            if passenger.is_aboard:
                self._carry_alone(model, add_ons, passenger, load_seconds)

    def _carry_alone(
        self, model: LoadedModel, add_ons: AddOns, passenger: Passenger, load_seconds: float
    ) -> None:
        run = ForwardPass(model=model, passengers=[passenger], cache=self.prompts, add_ons=add_ons)
        try:
            sparingly = self._run_with_second_try(run)
        except Exception as error:  # noqa: BLE001  (raised again where one request was made)
            passenger.arrive(error)
        else:
            self._end([passenger], load_seconds, sparingly=sparingly)

    def _end(
        self, passengers: Sequence[Passenger], load_seconds: float, *, sparingly: bool
    ) -> None:
        aboard = [passenger for passenger in passengers if passenger.is_aboard]
        pictures = sum(passenger.request.num_images for passenger in aboard)
        for passenger in aboard:
            passenger.arrive(
                GenerationResult(
                    images=tuple(passenger.finished),
                    seeds=passenger.request.seeds,
                    compute_seconds=passenger.seconds,
                    model_load_seconds=load_seconds,
                    device=str(self.device),
                    library_versions=LIBRARY_VERSIONS,
                    memory_saved=sparingly,
                    pass_pictures=1 if sparingly else pictures,
                )
            )

    def _run_with_second_try(self, run: ForwardPass) -> bool:
        """Run, and once more sparingly when memory ran out; say whether that was needed."""
        shortage = run.make_pictures(sparing=False)
        if shortage is None:
            return False
        self.counts.ran_short(run.model.source.key)
        logger.warning("out_of_memory: trying again sparingly: %s", shortage)
        for passenger in run.aboard:
            passenger.start_again()
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

    def _share(self, model: LoadedModel, aboard: Sequence[Passenger]) -> bool:
        """Make the pictures of all in one pass; `False` if they must not share it, or it failed.

        Nothing is charged then yet.
        """
        family = model.family
        requests = [passenger.request for passenger in aboard]
        try:
            alike = family.can_share_a_pass(model) and family.read_alike(model, requests)
        except InvalidRequest:
            # Whose prompt it is that cannot be read is found out one by one.
            return False
        if not alike:
            return False
        run = ForwardPass(model=model, passengers=aboard, cache=self.prompts)
        try:
            shortage = run.make_pictures(sparing=False)
        except Exception:
            # Whose fault it was is found out one by one.
            logger.exception("shared_pass_failed: %d requests one by one", len(aboard))
        else:
            if shortage is None:
                return True
            self.counts.ran_short(model.source.key)
            logger.warning("out_of_memory: %d requests one by one: %s", len(aboard), shortage)
        release_memory()
        for passenger in aboard:
            if passenger.is_aboard:
                passenger.start_again()
        return False


def check_request(request: GenerationRequest, family: ModelFamily) -> None:
    """Do nothing if a family can do what is asked for; nothing is loaded for it.

    Raises:
        InvalidRequest: what it lacks, by field.
    """
    request.check(family.facts)
    task = first_task(request)
    if request.references and task not in family.looks_at_references:
        raise InvalidRequest({"references": "are for pictures that start from nothing"})
    kind = request.controls[0].kind if request.controls else None
    if request.upscale is None or kind is None:
        pipeline_class = family.pipeline_class(task, kind)
        if request.image_prompt and "ip_adapter_image" not in call_parameters(pipeline_class):
            raise InvalidRequest({"image_prompt": "cannot be looked at in a call of this kind"})


def check_pictures(request: GenerationRequest) -> None:
    """Do nothing if every picture beside the one to start from is whole.

    Raises:
        InvalidRequest: one is torn, by field. Pillow reads pixels late, so it is found only here.
    """
    pictures = [("controls", control.image) for control in request.controls]
    pictures += [("regions", region.mask) for region in request.regions]
    pictures += [("references", picture) for picture in request.references]
    if request.mask is not None:
        pictures.append(("mask", request.mask.image))
    if request.image_prompt is not None:
        pictures += [("image_prompt", picture) for picture in request.image_prompt.images]
    for field_name, picture in pictures:
        try:
            picture.load()
        except (OSError, ValueError, SyntaxError) as error:
            raise InvalidRequest({field_name: "is not a complete picture"}) from error


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
