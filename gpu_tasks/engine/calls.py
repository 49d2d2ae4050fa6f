"""One call of a pipeline: its arguments, the reports of its steps, and who leaves it early."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from PIL import Image

from gpu_tasks.engine.families import LoadedModel, Scene
from gpu_tasks.engine.libraries import torch
from gpu_tasks.engine.passengers import Passenger, tell_phase
from gpu_tasks.engine.previews import DenoisedTap
from gpu_tasks.engine.request import Phase, StepProgress
from gpu_tasks.engine.schedulers import keep_rows, seed_steps


class EverybodyLeft(Exception):
    """End a call of a pipeline whose pictures nobody waits for any more."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A picture of a call: whose it is, its seed, and where its noise comes from.

    The generator lies on the processor, so that a seed gives the same noise on every device.
    """

    passenger: Passenger
    seed: int
    generator: torch.Generator

    @classmethod
    def of(cls, passenger: Passenger, seed: int) -> Row:
        return cls(passenger, seed, torch.Generator("cpu").manual_seed(seed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Where the steps of a call lie among those of all calls: after how many, of how many."""

    before: int
    total: int


@dataclass(slots=True, kw_only=True)
class Call:
    """Call a pipeline for some rows, and take out the rows of those who leave.

    `let_leave` charges those aboard and lets them leave who want to. `image_index` says which
    picture this is where they are made one by one.
    """

    model: LoadedModel
    scene: Scene
    rows: list[Row]
    let_leave: Callable[[], None]
    share: Share
    image_index: int | None
    tap: DenoisedTap | None = None
    steps: Mapping[int, int] = field(default_factory=dict)
    # When the last step ended; what follows it is the decoding.
    stepped_ns: int = 0

    def make(self, pipeline: Any, arguments: Mapping[str, Any]) -> list[Image.Image]:
        """Return a picture for each row that is left; raise EverybodyLeft if none is."""
        accepted = call_parameters(pipeline.__class__)
        given = {name: value for name, value in arguments.items() if name in accepted}
        generators = [row.generator for row in self.rows]
        seed_steps(pipeline.scheduler, generators)
        if any(row.passenger.member.on_step is not None for row in self.rows):
            self.tap = DenoisedTap.on(pipeline.scheduler)
        begun_ns = self.stepped_ns = time.time_ns()
        output = pipeline(**given, generator=generators, **self._callbacks(pipeline, generators))
        ended_ns = time.time_ns()
        aboard = dict.fromkeys(row.passenger for row in self.rows)
        tell_phase(aboard, Phase.DENOISE, begun_ns, self.stepped_ns)
        tell_phase(aboard, Phase.DECODE, self.stepped_ns, ended_ns)
        return list(output.images)

    def _callbacks(self, pipeline: Any, generators: list[torch.Generator]) -> dict[str, Any]:
        if "callback_on_step_end" not in call_parameters(pipeline.__class__):
            # The adapters' pipelines have the older form, by which nothing can be changed.
            def end_old_step(index: int, _timestep: Any, latents: torch.Tensor) -> None:
                # They count steps, not evaluations; the last step may have one fewer.
                order, last = pipeline.scheduler.order, len(pipeline.scheduler.timesteps) - 1
                evaluation = min((index + 1) * order - 1, last)
                self._end_step(pipeline, evaluation, {"latents": latents}, generators)

            return {"callback": end_old_step, "callback_steps": 1}

        def end_step(
            pipeline: Any, index: int, _timestep: Any, tensors: dict[str, Any]
        ) -> dict[str, Any]:
            return self._end_step(pipeline, index, tensors, generators)

        wanted = ["latents", *self.model.family.row_tensors]
        known = type(pipeline)._callback_tensor_inputs  # noqa: SLF001  (what may be asked for)
        return {
            "callback_on_step_end": end_step,
            "callback_on_step_end_tensor_inputs": [name for name in wanted if name in known],
        }

    def _end_step(
        self,
        pipeline: Any,
        index: int,
        tensors: dict[str, Any],
        generators: list[torch.Generator],
    ) -> dict[str, Any]:
        self.stepped_ns = time.time_ns()
        if self.tap is not None:
            if not self.steps:
                self.steps = number_the_steps(
                    evaluations=len(pipeline.scheduler.timesteps)
                    if self.scene.strength is None
                    else pipeline.num_timesteps,
                    steps=self._steps_run,
                    order=pipeline.scheduler.order,
                )
            if step := self.steps.get(index):
                self._report(self.tap, step, tensors["latents"])
        self.let_leave()
        return self._without_those_who_left(pipeline.scheduler, tensors, generators)

    @property
    def _steps_run(self) -> int:
        scene = self.scene
        if scene.strength is None:
            return scene.steps
        return min(int(scene.steps * scene.strength), scene.steps)

    def _report(self, tap: DenoisedTap, step: int, latents: torch.Tensor) -> None:
        def preview_of(place: int) -> Callable[[], Image.Image]:
            def draw() -> Image.Image:
                packed = tap.denoised(latents, row=place)
                unpacked = self.model.family.preview_latents(packed, self.scene)
                return self.model.preview.draw(unpacked[0])

            return draw

        first_rows: dict[Passenger, int] = {}
        for place, row in enumerate(self.rows):
            first_rows.setdefault(row.passenger, place)
        for passenger, place in first_rows.items():
            passenger.report(
                StepProgress(
                    step=self.share.before + step,
                    total=self.share.total,
                    image_index=self.image_index,
                    images_total=passenger.request.num_images,
                    preview=preview_of(place),
                )
            )

    def _without_those_who_left(
        self,
        scheduler: Any,
        tensors: dict[str, torch.Tensor],
        generators: list[torch.Generator],
    ) -> dict[str, torch.Tensor]:
        kept = [place for place, row in enumerate(self.rows) if row.passenger.is_aboard]
        if not kept:
            raise EverybodyLeft
        count = len(self.rows)
        if len(kept) == count:
            return {}
        keep_rows(scheduler, kept, of=count)
        # Pipelines hold on to these lists, so they are changed in place.
        self.rows[:] = [self.rows[place] for place in kept]
        generators[:] = [generators[place] for place in kept]
        return {name: _keep(tensor, kept, of=count) for name, tensor in tensors.items()}


def _keep(tensor: torch.Tensor, kept: list[int], *, of: int) -> torch.Tensor:
    # With guidance the rows of the negative prompts come first.
    return tensor[[start + place for start in range(0, len(tensor), of) for place in kept]]


@lru_cache(maxsize=256)
def call_parameters(pipeline_class: type) -> frozenset[str]:
    """Return the names that calling a pipeline of this class knows."""
    return frozenset(inspect.signature(pipeline_class.__call__).parameters)


def number_the_steps(*, evaluations: int, steps: int, order: int) -> dict[int, int]:
    """Map the index of each evaluation of the model that ends a step to that step, from 1.

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
