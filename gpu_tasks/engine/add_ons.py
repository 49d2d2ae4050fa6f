"""Load what a request adds to a model: LoRAs, ControlNets, adapters, VAEs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import safetensors.torch

from gpu_tasks.engine.errors import ModelUnavailable
from gpu_tasks.engine.families import LoadedModel
from gpu_tasks.engine.families.loading import count_bytes, damage_told
from gpu_tasks.engine.guides import AddOn, ControlKind
from gpu_tasks.engine.libraries import PATCHING, torch
from gpu_tasks.engine.model_cache import ModelCache
from gpu_tasks.engine.model_files import (
    PICKLE_SUFFIXES,
    count_weights_of_file,
    find_weights,
)
from gpu_tasks.engine.pictures.upscalers import LoadedUpscaler, load_upscaler
from gpu_tasks.engine.prompts.embedding_files import Embedding, load_embedding
from gpu_tasks.engine.request import GenerationRequest

_DIFFUSERS_STEM: Final = "diffusion_pytorch_model"
_DAMAGED: Final = "The model's files are incomplete or damaged."


@dataclass(frozen=True, slots=True, eq=False)
class LoadedAddOn:
    """Hold an addition that is ready; like a model it is never changed by a request."""

    content: Any
    nbytes: int


@dataclass(frozen=True, slots=True, eq=False)
class IpAdapter:
    """The weights of an IP-Adapter and the encoder that reads its pictures."""

    state: Mapping[str, Mapping[str, torch.Tensor]]
    image_encoder: Any
    feature_extractor: Any


@dataclass(slots=True, eq=False)
class AddOns:
    """What a request adds, loaded."""

    controls: list[Any] = field(default_factory=list)
    loras: dict[AddOn, Mapping[str, torch.Tensor]] = field(default_factory=dict)
    embeddings: list[Embedding] = field(default_factory=list)
    image_prompt: IpAdapter | None = None
    vae: Any = None
    upscaler: LoadedUpscaler | None = None
    refiner: LoadedModel | None = None


@dataclass(frozen=True, slots=True)
class AddOnKey:
    """What an addition is kept under: another device or type is another one."""

    kind: str
    source: AddOn
    base: str
    dtype: torch.dtype


@dataclass(slots=True)
class AddOnLoader:
    """Take the additions of a request from the cache that models are kept in, or load them.

    Everything stays in use until `stack` is closed.
    """

    cache: ModelCache[Any, Any]
    model: LoadedModel
    stack: ExitStack

    def load(self, request: GenerationRequest) -> AddOns:
        """Load all additions but the refiner.

        Raises:
            ModelUnavailable: one cannot be read, or is of another kind.
            InvalidRequest: one does not fit the model.
        """
        loaded = AddOns()
        for control in request.controls:
            loaded.controls.append(self._control(control.source, control.kind))
        for lora in request.loras:
            if lora.weight:
                loaded.loras[lora.source] = self._tensors("lora", lora.source)
        widths = self.model.family.encoder_widths(self.model)
        for inversion in request.embeddings:
            loaded.embeddings.append(
                load_embedding(inversion.source.path, token=inversion.token, encoder_widths=widths)
            )
        if request.image_prompt is not None:
            loaded.image_prompt = self._use(
                "ip_adapter", request.image_prompt.source, self._load_ip_adapter
            )
        if request.vae is not None:
            loaded.vae = self.load_vae(request.vae)
        part = request.high_res or request.upscale
        if part is not None and part.upscaler is not None:
            loaded.upscaler = self._use("upscaler", part.upscaler, self._load_upscaler)
        return loaded

    def load_vae(self, source: AddOn) -> Any:
        """Load a VAE of the kind of the model's own; raise as `load` does."""
        return self._use("vae", source, self._load_vae)

    def _use(self, kind: str, source: AddOn, load: Callable[[Path], Any]) -> Any:
        key = AddOnKey(kind, source, self.model.family.base, self.model.dtype)

        def load_and_measure() -> LoadedAddOn:
            with PATCHING:
                content = load(source.path)
            return LoadedAddOn(content, _count(content))

        return self.stack.enter_context(
            self.cache.use(key, load_and_measure, expected_bytes=lambda: _expect(source.path))
        ).content

    def _tensors(self, kind: str, source: AddOn) -> Any:
        return self._use(kind, source, read_tensors)

    def _control(self, source: AddOn, kind: ControlKind) -> Any:
        control_class = self.model.family.control_classes[kind]
        return self._use(
            kind, source, lambda path: self._load_module(path, control_class, _DIFFUSERS_STEM)
        )

    def _load_vae(self, path: Path) -> Any:
        return self._load_module(path, type(self.model.components["vae"]), _DIFFUSERS_STEM)

    def _load_module(self, path: Path, module_class: Any, stem: str) -> Any:
        with damage_told(f"cannot load {path}"):
            if path.is_dir():
                weights = find_weights(path, stem)
                module = module_class.from_pretrained(
                    path,
                    variant=weights.variant,
                    use_safetensors=True,
                    local_files_only=True,
                    torch_dtype=torch.float32,
                )
            else:
                refuse_pickles(path)
                # The library reads a file of any other name as a pickle.
                if path.suffix != ".safetensors":
                    raise ModelUnavailable(_DAMAGED, reason=f"{path} is no safetensors file")
                module = module_class.from_single_file(
                    str(path), config=str(path.parent), local_files_only=True
                )
        module = module.eval().requires_grad_(requires_grad=False)
        return module.to(device=self.model.device, dtype=self.model.dtype)

    def _load_upscaler(self, path: Path) -> LoadedUpscaler:
        return load_upscaler(path, device=self.model.device)

    def _load_ip_adapter(self, path: Path) -> IpAdapter:
        """Load a directory with `ip_adapter.safetensors` and an `image_encoder`."""
        state: dict[str, dict[str, torch.Tensor]] = {"image_proj": {}, "ip_adapter": {}}
        for name, tensor in read_tensors(path / "ip_adapter.safetensors").items():
            group, _, rest = name.partition(".")
            # Those that read faces bring LoRAs, which the library puts in and never takes out.
            if group not in state or "_lora." in rest:
                raise ModelUnavailable(
                    "This is no IP-Adapter of a kind that is supported.",
                    reason=f"{path} has a tensor {name[:200]!r}",
                )
            state[group][rest] = tensor
        find_weights(path / "image_encoder", "model")
        with damage_told(f"cannot load the image encoder of {path}"):
            encoder = self.model.family.image_encoder_class.from_pretrained(
                path,
                subfolder="image_encoder",
                use_safetensors=True,
                local_files_only=True,
                dtype=torch.float32,
            )
        size = int(encoder.config.image_size)
        return IpAdapter(
            state=state,
            image_encoder=encoder.eval()
            .requires_grad_(requires_grad=False)
            .to(device=self.model.device, dtype=self.model.dtype),
            feature_extractor=self.model.family.feature_extractor(size),
        )


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a safetensors file, read whole and not mapped."""
    refuse_pickles(path)
    with damage_told(f"cannot read {path}"):
        tensors: dict[str, torch.Tensor] = safetensors.torch.load(path.read_bytes())
        return tensors


def refuse_pickles(path: Path) -> None:
    """Raise ModelUnavailable for a file whose name says that it is a pickle."""
    if path.suffix in PICKLE_SUFFIXES:
        raise ModelUnavailable(
            "The model's weights are in a pickle format, which is never read. "
            "Convert them to safetensors.",
            reason=f"{path} is a pickle",
        )


def _expect(path: Path) -> int:
    files = path.rglob("*.safetensors") if path.is_dir() else [path]
    return sum(4 * count_weights_of_file(file) for file in files)


def _count(content: Any) -> int:
    match content:
        case torch.nn.Module():
            return count_bytes({"module": content})
        case IpAdapter():
            tensors = [t for group in content.state.values() for t in group.values()]
            return _count(content.image_encoder) + sum(t.nbytes for t in tensors)
        case LoadedUpscaler():
            return _count(content.descriptor.model)
        case _:
            return sum(tensor.nbytes for tensor in content.values())
