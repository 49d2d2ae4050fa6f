"""Carry requests through the calls of a pipeline, alone or several of one shape together."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

from PIL import Image

from gpu_tasks.engine.errors import GenerationCancelled
from gpu_tasks.engine.families import LoadedModel
from gpu_tasks.engine.libraries import torch
from gpu_tasks.engine.memory import is_out_of_memory, sparing_vae
from gpu_tasks.engine.previews import DenoisedTap
from gpu_tasks.engine.request import (
    GenerationRequest,
    GenerationResult,
    PassMember,
    StepProgress,
)
from gpu_tasks.engine.schedulers import keep_rows, make_scheduler

_CALLBACK_TENSORS: Final = ["latents", "prompt_embeds"]


class _EverybodyLeft(Exception):
    """End a call of a pipeline whose pictures nobody waits for any more."""


@dataclass(slots=True, eq=False)
class Passenger:
    """A member on its way: `finished` holds whole pictures only, `seconds` its share so far.

    `end` is its result, or why it left early: it was cancelled, or its own callbacks failed.
    """

    member: PassMember
    finished: list[Image.Image] = field(default_factory=list)
    seconds: float = 0.0
    end: GenerationResult | Exception | None = None

    @property
    def request(self) -> GenerationRequest:
        return self.member.request

    @property
    def is_aboard(self) -> bool:
        return self.end is None

    @property
    def outcome(self) -> GenerationResult | Exception:
        return RuntimeError("the pass has not ended") if self.end is None else self.end

    def arrive(self, end: GenerationResult | Exception) -> None:
        """End the way of this member, and tell who waits for it."""
        self.end = end
        if self.member.on_end is not None:
            self.member.on_end(end)

    def start_again(self) -> None:
        self.finished.clear()
        self.seconds = 0.0

    def leave_if_cancelled(self) -> None:
        if self.member.is_cancelled is None:
            return
        try:
            cancelled = self.member.is_cancelled()
        except Exception as error:  # noqa: BLE001  (one member's fault is no other's)
            self.arrive(error)
            return
        if cancelled:
            self.arrive(
                GenerationCancelled(
                    images=tuple(self.finished),
                    seeds=self.request.seeds[: len(self.finished)],
                    compute_seconds=self.seconds,
                )
            )

    def report(self, progress: StepProgress) -> None:
        if self.member.on_step is None:
            return
        try:
            self.member.on_step(progress)
        except Exception as error:  # noqa: BLE001  (one member's fault is no other's)
            self.arrive(error)


class SharedMeter:
    """Share the seconds of a pass among those aboard, by their parts of its pictures.

    The shares of all add up to the seconds of the pass.
    """

    def __init__(self) -> None:
        self._read_at = time.perf_counter()

    def read(self, passengers: Sequence[Passenger]) -> None:
        """Add what passed since the last reading; call it before anybody leaves."""
        now = time.perf_counter()
        aboard = [passenger for passenger in passengers if passenger.is_aboard]
        pictures = sum(passenger.request.num_images for passenger in aboard)
        for passenger in aboard:
            passenger.seconds += (now - self._read_at) * passenger.request.num_images / pictures
        self._read_at = now


@dataclass(frozen=True, slots=True)
class _Row:
    """A picture of a call: whose it is, and its seed."""

    passenger: Passenger
    seed: int


@dataclass(slots=True)
class ForwardPass:
    """Make the pictures of requests that are alike but for prompts, seeds and start pictures."""

    model: LoadedModel
    passengers: Sequence[Passenger]
    meter: SharedMeter = field(default_factory=SharedMeter)

    @property
    def aboard(self) -> list[Passenger]:
        return [passenger for passenger in self.passengers if passenger.is_aboard]

    def make_pictures(self, *, sparing: bool) -> str | None:
        """Make all pictures in one batch, or one after another if that is to spare memory.

        Return what was said when memory ran out, and not the error itself: its frames hold the
        tensors that are in the way.
        """
        for passenger in self.passengers:
            passenger.finished.clear()
        rows = [_Row(one, seed) for one in self.aboard for seed in one.request.seeds]
        try:
            with torch.inference_mode():
                if not sparing:
                    self._call_pipeline(rows, sparing=False, image_index=None)
                    return None
                for index, row in enumerate(rows):
                    self._call_pipeline([row], sparing=True, image_index=index)
        except _EverybodyLeft:
            return None
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return str(error) or type(error).__name__
        return None

    def _call_pipeline(self, rows: list[_Row], *, sparing: bool, image_index: int | None) -> None:
        self.let_leave()
        rows = [row for row in rows if row.passenger.is_aboard]
        if not rows:
            raise _EverybodyLeft
        model, request = self.model, rows[0].passenger.request
        scheduler = make_scheduler(
            request.scheduler, model_config=model.scheduler_config, steps=request.steps
        )
        watched = any(row.passenger.member.on_step is not None for row in rows)
        pipeline = model.family.make_pipeline(model, request, scheduler=scheduler, sparing=sparing)
        call = _Call(
            self,
            rows=rows,
            # On the CPU, so that a seed gives the same noise on every device.
            generators=[torch.Generator("cpu").manual_seed(row.seed) for row in rows],
            tap=DenoisedTap(scheduler) if watched else None,
            image_index=image_index,
        )
        with sparing_vae(pipeline.vae) if sparing else nullcontext():
            output = pipeline(
                **model.family.call_arguments([row.passenger.request for row in rows]),
                generator=call.generators,
                callback_on_step_end=call.end_step,
                callback_on_step_end_tensor_inputs=_CALLBACK_TENSORS,
            )
        self.meter.read(self.passengers)
        for row, image in zip(call.rows, output.images, strict=True):
            row.passenger.finished.append(image)

    def let_leave(self) -> None:
        """Let those leave who want to, and charge them until now."""
        self.meter.read(self.passengers)
        for passenger in self.aboard:
            passenger.leave_if_cancelled()


@dataclass(slots=True)
class _Call:
    """One call of a pipeline: report its steps, and take out the rows of those who left."""

    run: ForwardPass
    rows: list[_Row]
    generators: list[Any]
    tap: DenoisedTap | None
    image_index: int | None
    steps: Mapping[int, int] = field(default_factory=dict)

    def end_step(
        self, pipeline: Any, index: int, _timestep: Any, tensors: dict[str, Any]
    ) -> dict[str, Any]:
        if self.tap is not None:
            if not self.steps:
                self.steps = _number_the_steps(
                    evaluations=pipeline.num_timesteps,
                    steps=self.rows[0].passenger.request.denoising_steps,
                    order=pipeline.scheduler.order,
                )
            if step := self.steps.get(index):
                self._report(self.tap, step, tensors["latents"])
        self.run.let_leave()
        return self._without_those_who_left(pipeline.scheduler, tensors)

    def _report(self, tap: DenoisedTap, step: int, latents: torch.Tensor) -> None:
        def preview_of(place: int) -> Callable[[], Image.Image]:
            return lambda: self.run.model.preview.draw(tap.denoised(latents, row=place))

        first_rows: dict[Passenger, int] = {}
        for place, row in enumerate(self.rows):
            first_rows.setdefault(row.passenger, place)
        for passenger, place in first_rows.items():
            passenger.report(
                StepProgress(
                    step=step,
                    total=len(self.steps),
                    image_index=self.image_index,
                    images_total=passenger.request.num_images,
                    preview=preview_of(place),
                )
            )

    def _without_those_who_left(
        self, scheduler: Any, tensors: dict[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        kept = [place for place, row in enumerate(self.rows) if row.passenger.is_aboard]
        if not kept:
            raise _EverybodyLeft
        count = len(self.rows)
        if len(kept) == count:
            return {}
        keep_rows(scheduler, kept, of=count)
        # Pipelines hold on to these lists, so they are changed in place.
        self.rows[:] = [self.rows[place] for place in kept]
        self.generators[:] = [self.generators[place] for place in kept]
        prompts = tensors["prompt_embeds"]
        # With guidance the rows of the negative prompts come first.
        blocks = [start + place for start in range(0, len(prompts), count) for place in kept]
        return {"latents": tensors["latents"][kept], "prompt_embeds": prompts[blocks]}


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
