"""Turn a request into pictures."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from gpu_tasks.engine.add_ons import AddOns
from gpu_tasks.engine.checks import check_model_key, check_pictures, check_request
from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.families import LoadedModel, find_family
from gpu_tasks.engine.family_facts import Capability
from gpu_tasks.engine.forward_pass import ForwardPass
from gpu_tasks.engine.latent_work import LatentWork
from gpu_tasks.engine.libraries import LIBRARY_VERSIONS
from gpu_tasks.engine.memory import release_memory
from gpu_tasks.engine.passengers import Passenger, tell_phase
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

logger = logging.getLogger(__name__)


class Engine(LatentWork):
    """Make pictures on one device, with its models kept loaded up to `cache_bytes`.

    `tuning` is what was decided for the device unless it is given. Read prompts are kept up to
    `prompt_bytes`.

    May be called from several threads: models load beside a generation, and generations run one
    after another, since diffusers pipelines share state through their parts.
    """

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
        for member in members:
            check_model_key(member.request, source)
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
            sparingly = self._try_twice(run.make_pictures, model, run.start_again)
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
