"""What the engine asks of a model family, and what is the same for all that diffusers has."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar

from PIL import ImageOps

from gpu_tasks.engine.errors import InvalidRequest, ModelUnavailable
from gpu_tasks.engine.families.loading import (
    SINGLE_FILE,
    Part,
    count_bytes,
    count_part_weights,
    has_weights,
    load_part,
    load_single_file,
    load_tokenizer,
    read_pipeline_options,
    read_scheduler_config,
    store_in_8_bits,
)
from gpu_tasks.engine.families.scene import LoadedModel, Reading, Scene
from gpu_tasks.engine.family_facts import FAMILY_FACTS, FamilyFacts
from gpu_tasks.engine.guides import ControlKind
from gpu_tasks.engine.libraries import diffusers, torch, transformers
from gpu_tasks.engine.model_files import count_weights_of_file
from gpu_tasks.engine.previews import LatentPreview
from gpu_tasks.engine.request import GenerationRequest, ModelSource
from gpu_tasks.engine.tasks_of_calls import Task


class ModelFamily(ABC):
    """Load the models of one family and make a pipeline of theirs for each call.

    A family is a subclass that names its classes and says how it reads prompts; see
    `stable_diffusion.py`.
    """

    base: ClassVar[str]
    index_classes: ClassVar[frozenset[str]]
    parts: ClassVar[Mapping[str, Part]]
    tokenizers: ClassVar[Mapping[str, Any]]
    optional_tokenizers: ClassVar[frozenset[str]] = frozenset()
    # By what the call does and what steers it.
    pipelines: ClassVar[Mapping[tuple[Task, ControlKind | None], Any]]
    control_classes: ClassVar[Mapping[ControlKind, Any]] = {}
    denoiser: ClassVar[str] = "transformer"
    guidance_argument: ClassVar[str] = "guidance_scale"
    # The kinds of calls in which references are looked at.
    looks_at_references: ClassVar[frozenset[Task]] = frozenset({Task.REFERENCE})
    # What reads the pictures of an IP-Adapter.
    image_encoder_class: ClassVar[Any] = transformers.CLIPVisionModelWithProjection
    # What a callback may change of a call so that rows leave it; nothing where they cannot.
    row_tensors: ClassVar[tuple[str, ...]] = ()
    # Whether the VAE takes a picture as a film of one frame.
    encodes_films: ClassVar[bool] = False

    @property
    def facts(self) -> FamilyFacts:
        return FAMILY_FACTS[self.base]

    # Loading

    def weights_of(self, source: ModelSource) -> int:
        """Count the numbers in all parts, without loading them."""
        single = source.path / SINGLE_FILE
        if single.is_file():
            return count_weights_of_file(single) + sum(
                count_part_weights(source, name, part) for name, part in self.parts_beside(source)
            )
        return sum(count_part_weights(source, name, part) for name, part in self.parts.items())

    def parts_beside(self, source: ModelSource) -> list[tuple[str, Part]]:
        """Return the parts that lie in folders of their own beside a checkpoint of one file."""
        return [(n, part) for n, part in self.parts.items() if has_weights(source.path / n, part)]

    def expected_bytes(self, source: ModelSource, *, dtype: torch.dtype) -> int:
        """Say how much memory the model will take on the device, without loading it."""
        if (source.path / SINGLE_FILE).is_file():
            return self.weights_of(source) * dtype.itemsize
        placement = source.placement
        return sum(
            count_part_weights(source, name, part)
            * (1 if placement.float8 and part.is_large else dtype.itemsize)
            for name, part in self.parts.items()
            if not (placement.encoders_aside and part.is_encoder)
        )

    def load(self, source: ModelSource, *, device: torch.device, dtype: torch.dtype) -> LoadedModel:
        """Load from safetensors on this disk alone; raise ModelUnavailable with a reason."""
        options = read_pipeline_options(source.path, classes=self.index_classes)
        components = self._load_parts(source, device=device, dtype=dtype)
        self.check(components)
        return LoadedModel(
            source=source,
            family=self,
            components=MappingProxyType(components),
            scheduler_config=MappingProxyType(
                self.complete_scheduler(read_scheduler_config(source.path))
            ),
            preview=LatentPreview.for_model(
                source.path,
                channels=self.preview_channels(components),
                base=self.base,
                encode=lambda pixels: self.latents_of(components, pixels.to(device, dtype)),
            ),
            device=device,
            dtype=dtype,
            own_bytes=count_bytes(components),
            options=MappingProxyType(dict(options)),
        )

    def _load_parts(
        self, source: ModelSource, *, device: torch.device, dtype: torch.dtype
    ) -> dict[str, Any]:
        # In another type only a model that would not fit in float32; see `load_part`.
        loading = dtype if self.loads_alone(source, dtype=dtype) else torch.float32
        if (source.path / SINGLE_FILE).is_file():
            beside = {
                name: load_part(source, name, part, dtype=loading)
                for name, part in self.parts_beside(source)
            }
            loaded = load_single_file(
                source,
                self.pipelines[self.first_task, None],
                beside=beside,
                denoiser=(self.denoiser, self.parts[self.denoiser]),
                dtype=loading,
            )
            components = {
                name: self._place(loaded[name], part, source, device, dtype)
                for name, part in self.parts.items()
                if loaded.get(name) is not None
            }
            if missing := [
                n for n, p in self.parts.items() if n not in loaded and not p.is_optional
            ]:
                raise ModelUnavailable(
                    "The model's weights are missing.",
                    reason=f"{missing} are neither in the checkpoint nor beside it: {source.path}",
                )
        else:
            components = {
                name: self._place(
                    load_part(source, name, part, dtype=loading), part, source, device, dtype
                )
                for name, part in self.parts.items()
                if not part.is_optional or (source.path / name).is_dir()
            }
        for name, tokenizer_class in self.tokenizers.items():
            if name not in self.optional_tokenizers or (source.path / name).is_dir():
                components[name] = load_tokenizer(source.path, name, tokenizer_class)
        return components

    def _place(
        self, part: Any, facts: Part, source: ModelSource, device: torch.device, dtype: torch.dtype
    ) -> Any:
        placement = source.placement
        where = torch.device("cpu") if placement.encoders_aside and facts.is_encoder else device
        part = part.to(dtype=dtype)
        if placement.float8 and facts.is_large:
            store_in_8_bits(part, dtype=dtype)
        return part.to(where)

    def loads_alone(self, source: ModelSource, *, dtype: torch.dtype) -> bool:
        """Tell whether a model is too large to be loaded in float32 beside a generation."""
        return dtype != torch.float32 and 4 * self.weights_of(source) > LARGEST_IN_FLOAT32

    @cached_property
    def first_task(self) -> Task:
        """What the family does first of all: the call that any other is derived from."""
        return next(task for task, control in self.pipelines if control is None)

    def check(self, components: Mapping[str, Any]) -> None:
        """Raise ModelUnavailable where the parts make up something that is not supported."""
        del components

    def complete_scheduler(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return the scheduler's configuration with what the family knows better."""
        return config

    def preview_channels(self, components: Mapping[str, Any]) -> int:
        return int(components["vae"].config.latent_channels)

    def latents_of(self, components: Mapping[str, Any], pixels: torch.Tensor) -> torch.Tensor:
        """Return what a picture (1, 3, height, width) in [-1, 1] is to the denoiser, unpacked."""
        vae = components["vae"]
        latents = vae.encode(pixels).latent_dist.mode() - (vae.config.shift_factor or 0.0)
        scaled: torch.Tensor = latents * vae.config.scaling_factor
        return scaled

    def encoding_dtype(self, vae: Any) -> torch.dtype:
        """Return the type that pipelines encode pictures in."""
        dtype: torch.dtype = vae.dtype
        return dtype

    # Calling

    def makes_one_by_one(self, request: GenerationRequest) -> bool:
        """Tell whether pictures of a request must be made one after another."""
        del request
        return False

    def has_pipeline(self, task: Task, control: ControlKind | None) -> bool:
        return (task, control) in self.pipelines

    def pipeline_class(self, task: Task, control: ControlKind | None) -> Any:
        """Return the class for a call.

        Raises:
            InvalidRequest: diffusers has none.
        """
        try:
            return self.pipelines[task, control]
        except KeyError:
            field_name = "init_image" if control is None else "controls"
            raise InvalidRequest(
                {field_name: f"{self.facts.name} cannot do this: there is no pipeline for it"}
            ) from None

    def pipeline_for(self, model: LoadedModel, scene: Scene) -> Any:
        """Return the class for a call of this model; raise as `pipeline_class` does."""
        del model
        return self.pipeline_class(scene.task, scene.control)

    def working_size(self, scene: Scene) -> tuple[int, int]:
        """Return the width and height that the pipeline works at; it is scaled from there."""
        return scene.width, scene.height

    def bare_pipeline(self, model: LoadedModel) -> Any:
        """Return a pipeline to change the shared parts through, not to make pictures with."""
        return self._build(
            self.pipelines[self.first_task, None],
            {
                **model.options,
                **model.components,
                "scheduler": diffusers.FlowMatchEulerDiscreteScheduler(),
            },
        )

    def make_pipeline(
        self,
        model: LoadedModel,
        scene: Scene,
        *,
        scheduler: Any,
        extras: Mapping[str, Any],
        sparing: bool,
    ) -> Any:
        """Wrap the shared parts and a scheduler of the request's own in a diffusers pipeline.

        `extras` are parts of this request: a ControlNet, an image encoder, another VAE.
        `sparing` asks for one that needs less memory, at the cost of time.
        """
        pipeline_class = self.pipeline_for(model, scene)
        given = {**model.options, **model.components, **extras, "scheduler": scheduler}
        if sparing:
            given[self.denoiser] = self.sparing_denoiser(given[self.denoiser], scene)
        return self._build(pipeline_class, given)

    @staticmethod
    def _build(pipeline_class: Any, given: Mapping[str, Any]) -> Any:
        arguments = {
            name: given[name] if name in given else _ABSENT[name]
            for name in inspect.signature(pipeline_class.__init__).parameters
            if name in given or name in _ABSENT
        }
        pipeline = pipeline_class(**arguments)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def sparing_denoiser(self, denoiser: Any, scene: Scene) -> Any:
        """Return a denoiser that needs less memory; one picture at a time is all of it here."""
        del scene
        return denoiser

    def join_controls(self, controls: Sequence[Any], kind: ControlKind) -> Any:
        """Return what a pipeline takes for one control, or for several."""
        del kind
        return controls[0] if len(controls) == 1 else list(controls)

    def feature_extractor(self, size: int) -> Any:
        """Return what prepares pictures of `size` pixels for `image_encoder_class`."""
        return transformers.CLIPImageProcessor(
            size={"shortest_edge": size}, crop_size={"height": size, "width": size}
        )

    def encoder_widths(self, model: LoadedModel) -> Mapping[str, int]:
        """Return the width of each text encoder that textual inversions are made for, by name."""
        del model
        return {}

    @contextmanager
    def encoders_at_work(self, model: LoadedModel) -> Iterator[None]:
        """Have the text encoders on the device for the time of the block."""
        if not model.source.placement.encoders_aside or model.device.type == "cpu":
            yield
            return
        encoders = [
            model.components[name]
            for name, part in self.parts.items()
            if part.is_encoder and name in model.components
        ]
        for encoder in encoders:
            encoder.to(model.device)
        try:
            yield
        finally:
            for encoder in encoders:
                encoder.to("cpu")

    @abstractmethod
    def encode(self, pipeline: Any, scene: Scene, reading: Reading) -> dict[str, Any]:
        """Read the prompts of all rows; return what the call takes in their place."""

    @contextmanager
    def regional(self, model: LoadedModel, scene: Scene, controls: Sequence[Any]) -> Iterator[None]:
        """Have each region of the picture follow its own prompt for the time of the block.

        `controls` are networks that read the same prompts.
        """
        del model, scene, controls
        yield

    def read_alike(self, model: LoadedModel, requests: Sequence[GenerationRequest]) -> bool:
        """Tell whether prompts may be read together without one changing what another says."""
        del model, requests
        return True

    def arguments(self, scene: Scene) -> dict[str, Any]:
        """Return the arguments of the call, but for prompts, generators and callbacks.

        What the pipeline's call has no name for is left out by the caller.
        """
        request = scene.request
        arguments: dict[str, Any] = {
            "num_inference_steps": scene.steps,
            self.guidance_argument: float(request.guidance_scale),
            "width": scene.width,
            "height": scene.height,
        }
        if scene.strength is not None:
            arguments["strength"] = float(scene.strength)
        if scene.images:
            arguments["image"] = list(scene.images)
        if scene.masks:
            arguments["mask_image"] = list(scene.masks)
        return arguments | self.control_arguments(scene) | self.picture_arguments(scene)

    def control_arguments(self, scene: Scene) -> dict[str, Any]:
        """Return what the call is told of control pictures; they are the same for all rows."""
        controls = scene.controls
        if scene.control is None:
            return {}
        # Cropped as the start picture is: stretched, its lines would lie elsewhere.
        size = (scene.width, scene.height)
        pictures = [ImageOps.fit(control.image, size) for control in controls]
        one = len(controls) == 1
        return {
            self.control_argument(scene): pictures[0] if one else pictures,
            "controlnet_conditioning_scale": _alone([c.weight for c in controls]),
            "control_guidance_start": _alone([c.start for c in controls]),
            "control_guidance_end": _alone([c.end for c in controls]),
        }

    def control_argument(self, scene: Scene) -> str:
        del scene
        return "control_image"

    def picture_arguments(self, scene: Scene) -> dict[str, Any]:
        """Return what the call is told of pictures that are part of the prompt."""
        arguments: dict[str, Any] = {}
        request = scene.request
        if request.image_prompt is not None and not scene.by_refiner:
            pictures = [picture.convert("RGB") for picture in request.image_prompt.images]
            arguments["ip_adapter_image"] = [pictures]
        return arguments

    def preview_latents(self, latents: torch.Tensor, scene: Scene) -> torch.Tensor:
        """Return latents as (rows, channels, height, width); many transformers pack them."""
        del scene
        return latents

    def can_share_a_pass(self, model: LoadedModel) -> bool:
        """Tell whether pictures can be taken out of a batch while it is under way."""
        del model
        return bool(self.row_tensors)


LARGEST_IN_FLOAT32 = 12 * 1024**3

# What pipelines ask for and may do without.
_ABSENT: Mapping[str, Any] = MappingProxyType(
    {
        "safety_checker": None,
        "feature_extractor": None,
        "image_encoder": None,
        "requires_safety_checker": False,
        "add_watermarker": False,
        "tokenizer": None,
        "text_encoder": None,
        "tokenizer_3": None,
        "text_encoder_3": None,
    }
)


def _alone(values: list[float]) -> float | list[float]:
    return values[0] if len(values) == 1 else values


def refuse_kind(reason: str) -> ModelUnavailable:
    """Return the error for a model that no family here can run."""
    return ModelUnavailable("This kind of model is not supported.", reason=reason)
