"""Carry requests through the calls of a pipeline, alone or several of one shape together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from gpu_tasks.engine.add_ons import AddOns
from gpu_tasks.engine.calls import Call, EverybodyLeft, Row, Share
from gpu_tasks.engine.courses import CallInput, Course, Size
from gpu_tasks.engine.dressing import dressed
from gpu_tasks.engine.families import LoadedModel, Scene
from gpu_tasks.engine.families.scene import Reading
from gpu_tasks.engine.guides import ControlKind
from gpu_tasks.engine.latents import Latents
from gpu_tasks.engine.libraries import torch
from gpu_tasks.engine.memory import is_out_of_memory, sparing_vae, vae_in_its_type
from gpu_tasks.engine.noise import blend_first_noise
from gpu_tasks.engine.passengers import Passenger, SharedMeter
from gpu_tasks.engine.pictures.upscalers import upscale
from gpu_tasks.engine.prompts.embedding_cache import EmbeddingCache, digest_key
from gpu_tasks.engine.request import SEED_COUNT, GenerationRequest
from gpu_tasks.engine.schedulers import make_scheduler
from gpu_tasks.engine.tasks_of_calls import Task
from gpu_tasks.engine.vae_taps import Undecoded, VaeTap


@dataclass(slots=True, kw_only=True)
class ForwardPass:
    """Make the pictures of requests that are alike but for prompts, seeds and start pictures.

    With `to_latents` the one request there is ends before its last decoding; it may start from
    latents then.
    """

    model: LoadedModel
    passengers: Sequence[Passenger]
    cache: EmbeddingCache
    add_ons: AddOns = field(default_factory=AddOns)
    meter: SharedMeter = field(default_factory=SharedMeter)
    to_latents: bool = False
    start: Latents | None = None
    # Of each batch that was denoised, what its VAE is to decode.
    undecoded: list[torch.Tensor] = field(default_factory=list)

    @property
    def aboard(self) -> list[Passenger]:
        return [passenger for passenger in self.passengers if passenger.is_aboard]

    def start_again(self) -> None:
        for passenger in self.aboard:
            passenger.start_again()

    def make_pictures(self, *, sparing: bool) -> str | None:
        """Make all pictures in one batch, or one after another if that is to spare memory.

        Return what was said when memory ran out, and not the error itself: its frames hold the
        tensors that are in the way.
        """
        for passenger in self.passengers:
            passenger.finished.clear()
        self.undecoded.clear()
        rows = [Row.of(one, seed) for one in self.aboard for seed in one.request.seeds]
        singly = sparing or (
            len(rows) > 1 and self.model.family.makes_one_by_one(rows[0].passenger.request)
        )
        try:
            with torch.inference_mode():
                if not singly:
                    self._run_course(rows, sparing=False, image_index=None)
                    return None
                for index, row in enumerate(rows):
                    self._run_course([row], sparing=sparing, image_index=index)
        except EverybodyLeft:
            return None
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return str(error) or type(error).__name__
        return None

    def _run_course(self, rows: list[Row], *, sparing: bool, image_index: int | None) -> None:
        self.let_leave()
        rows = [row for row in rows if row.passenger.is_aboard]
        if not rows:
            raise EverybodyLeft
        request = rows[0].passenger.request
        course = Course(
            requests=[row.passenger.request for row in rows],
            family=self.model.family,
            enlarge=self._enlarge,
        )
        with dressed(self.model, request, self.add_ons) as extras:
            journey = _Journey(
                run=self,
                rows=rows,
                extras=extras,
                total=course.steps,
                sparing=sparing,
                image_index=image_index,
            )
            if self.to_latents:
                latents = course.run_to_latents(journey.make, journey.denoise)
                # A card has better use for its memory than what waits.
                self.undecoded.append(latents.cpu())
            else:
                pictures = course.run(journey.make)
                for row, image in zip(rows, pictures, strict=True):
                    row.passenger.finished.append(image)
        self.meter.read(self.passengers)

    def _enlarge(self, picture: Image.Image, size: Size) -> Image.Image:
        if self.add_ons.upscaler is not None:
            factor = max(size[0] / picture.width, size[1] / picture.height)
            picture = upscale(
                self.add_ons.upscaler, picture, factor=max(factor, 1.0), on_tile=self._pause
            )
        return picture.resize(size, Image.Resampling.LANCZOS)

    def _pause(self, *_: object) -> None:
        self.let_leave()
        if not self.aboard:
            raise EverybodyLeft

    def let_leave(self) -> None:
        """Let those leave who want to, and charge them until now."""
        self.meter.read(self.passengers)
        for passenger in self.aboard:
            passenger.leave_if_cancelled()


@dataclass(slots=True, kw_only=True)
class _Journey:
    """The calls of one course, which share its rows and their noise."""

    run: ForwardPass
    rows: list[Row]
    extras: Mapping[str, Any]
    total: int
    sparing: bool
    image_index: int | None
    before: int = 0

    def denoise(self, wanted: CallInput) -> torch.Tensor:
        """Return what the VAE would be given to decode at the end of a call."""
        try:
            self._call(wanted, takes_out=True)
        except Undecoded as end:
            return end.tensor
        raise RuntimeError("the pipeline decodes nothing")

    def make(self, wanted: CallInput) -> list[Image.Image]:
        size = (wanted.plan.width, wanted.plan.height)
        made = self._call(wanted, takes_out=False)
        return [p if p.size == size else p.resize(size, Image.Resampling.LANCZOS) for p in made]

    def _call(self, wanted: CallInput, *, takes_out: bool) -> list[Image.Image]:
        plan = wanted.plan
        model = self.run.model
        if plan.by_refiner and self.run.add_ons.refiner is not None:
            model = self.run.add_ons.refiner
        extras = {} if plan.by_refiner else dict(self.extras)
        start = self._start() if self.before == 0 else None
        if takes_out or start is not None:
            vae = extras.get("vae", model.components["vae"])
            extras["vae"] = tap = VaeTap(vae, start=start, takes_out=takes_out)
        scene = Scene(
            task=plan.task,
            width=plan.width,
            height=plan.height,
            steps=plan.steps,
            strength=plan.strength,
            requests=[row.passenger.request for row in self.rows],
            images=wanted.images,
            masks=wanted.masks,
            controls=wanted.controls,
            by_refiner=plan.by_refiner,
        )
        scheduler = make_scheduler(
            scene.request.scheduler, model_config=model.scheduler_config, steps=plan.steps
        )
        family = model.family
        pipeline = family.make_pipeline(
            model, scene, scheduler=scheduler, extras=extras, sparing=self.sparing
        )
        if start is not None:
            tap.start_in(pipeline)
        reading = Reading(
            model=model,
            cache=self.run.cache,
            embeddings=() if plan.by_refiner else self.run.add_ons.embeddings,
            state=_state_of(model, scene.request, by_refiner=plan.by_refiner),
        )
        with family.encoders_at_work(model):
            prompts = family.encode(pipeline, scene, reading)
        if scene.task is Task.TXT2IMG and scene.request.variation is not None:
            blend_first_noise(
                pipeline,
                others=[_other_noise(row) for row in self.rows],
                part=scene.request.variation.strength,
            )
        call = Call(
            model=model,
            scene=scene,
            rows=self.rows,
            let_leave=self.run.let_leave,
            share=Share(before=self.before, total=self.total),
            image_index=self.image_index,
        )
        self.before += plan.denoising_steps
        with ExitStack() as stack:
            stack.enter_context(vae_in_its_type(pipeline.vae))
            if self.sparing:
                # Tiles would put the seams back.
                in_tiles = not scene.request.seamless
                stack.enter_context(sparing_vae(pipeline.vae, in_tiles=in_tiles))
            stack.enter_context(family.regional(model, scene, self._networks_of(scene)))
            return call.make(pipeline, family.arguments(scene) | prompts)

    def _start(self) -> Latents | None:
        start = self.run.start
        if start is None or self.image_index is None:
            return start
        return start.row(self.image_index)

    def _networks_of(self, scene: Scene) -> Sequence[Any]:
        is_network = scene.control is ControlKind.CONTROLNET
        return self.run.add_ons.controls if is_network else ()


def _other_noise(row: Row) -> torch.Generator:
    request = row.passenger.request
    first = 0 if request.variation is None else request.variation.seed
    seed = (first + row.seed - request.seed) % SEED_COUNT
    return torch.Generator("cpu").manual_seed(seed)


def _state_of(model: LoadedModel, request: GenerationRequest, *, by_refiner: bool) -> str:
    """Tell apart what the same prompt may be read as: by other weights, or with other LoRAs."""
    loras = [] if by_refiner else request.loras
    return digest_key(
        model=model.source.key,
        path=str(model.source.path),
        weights=model.source.sha256,
        placement=repr(model.source.placement),
        loras=[[one.source.key, one.source.sha256, one.weight] for one in loras if one.weight],
    )
