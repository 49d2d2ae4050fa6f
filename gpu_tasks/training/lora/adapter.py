"""The LoRA in the model: put in, read out, switched off, and written as others read it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import peft
import safetensors.torch

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.families import LoadedModel
from gpu_tasks.engine.libraries import PATCHING, torch
from gpu_tasks.training.lora.draws import start_generator
from gpu_tasks.training.lora.settings import TrainingSettings
from gpu_tasks.training.lora.trainable import Trainable

_NAME: Final = "trained"
# Queries, keys, values and what comes out of attention, as diffusers and transformers call them.
_DENOISER_LAYERS: Final = ("to_q", "to_k", "to_v", "to_out.0")
# What lies between: the blocks' convolutions and what tells them of the step.
_BETWEEN: Final = (
    *("conv1", "conv2", "conv_shortcut", "time_emb_proj"),
    *("proj_in", "proj_out", "ff.net.0.proj", "ff.net.2"),
)
_ENCODER_LAYERS: Final[tuple[str, ...]] = ("q_proj", "k_proj", "v_proj", "out_proj")
# Some releases of transformers wrap an encoder in another; files have the names of those that do.
_WRAPPED: Final = re.compile(r"^(text_encoder(?:_2)?)\.(?!text_model\.)")
_ENCODERS: Final = ("text_encoder", "text_encoder_2")


@dataclass(frozen=True, slots=True, eq=False)
class Adapter:
    """The trained weights of a model, float32 whatever its own type, by the names of the file."""

    modules: Mapping[str, Any]
    weights: Mapping[str, torch.nn.Parameter]

    @classmethod
    def put_in(cls, model: LoadedModel, settings: TrainingSettings) -> Adapter:
        """Put a new adapter into a model, which changes nothing yet; it cannot be taken out."""
        names = [model.family.denoiser]
        if settings.trains_text_encoder:
            names += [name for name in _ENCODERS if name in model.components]
        modules = {name: model.components[name] for name in names}
        weights: dict[str, torch.nn.Parameter] = {}
        for name, module in modules.items():
            layers = _ENCODER_LAYERS
            if name == model.family.denoiser:
                layers = _DENOISER_LAYERS + (_BETWEEN if settings.trains_convolutions else ())
            # peft draws first weights that are not kept.
            with PATCHING, torch.random.fork_rng(devices=[]):
                module.add_adapter(
                    peft.LoraConfig(
                        r=settings.rank, lora_alpha=settings.alpha, target_modules=list(layers)
                    ),
                    adapter_name=_NAME,
                )
            for path, weight in module.named_parameters():
                if f".{_NAME}." in path:
                    weight.data = weight.data.to(torch.float32)
                    weight.requires_grad_(requires_grad=True)
                    weights[f"{name}.{path.replace(f'.{_NAME}.', '.')}"] = weight
        adapter = cls(modules, dict(sorted(weights.items())))
        with PATCHING:
            adapter._start(settings.seed)
        return adapter

    @torch.no_grad()
    def _start(self, seed: int) -> None:
        """Draw what is multiplied first, as peft does; the other side starts at zero."""
        generator = start_generator(seed)
        for name, weight in self.weights.items():
            if ".lora_A." in name:
                first = torch.empty(weight.shape)
                torch.nn.init.kaiming_uniform_(first, a=5**0.5, generator=generator)
                weight.copy_(first)
            else:
                weight.zero_()

    @torch.no_grad()
    def restore(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Put the weights of a checkpoint in.

        Raises:
            InvalidRequest: they are another adapter's.
        """
        if {name: w.shape for name, w in weights.items()} != {
            name: w.shape for name, w in self.weights.items()
        }:
            raise InvalidRequest({"resume": "was made for another model or another rank"})
        for name, weight in self.weights.items():
            weight.copy_(weights[name])

    @contextmanager
    def switched_off(self) -> Iterator[None]:
        """Have the model be as it was before training for the time of the block."""
        for module in self.modules.values():
            module.disable_adapters()
        try:
            yield
        finally:
            for module in self.modules.values():
                module.enable_adapters()

    def export(self, settings: TrainingSettings, trainable: Trainable, *, base: str) -> bytes:
        """Return the adapter as a safetensors file in diffusers' layout, in float16.

        The file has no place for alpha, and loaders take it to be the rank: what it says is in
        the weights already.
        """
        scale = settings.alpha / settings.rank
        tensors = {
            _WRAPPED.sub(r"\1.text_model.", name): (
                weight.detach() * (scale if ".lora_B." in name else 1.0)
            )
            .to("cpu", torch.float16)
            .contiguous()
            for name, weight in self.weights.items()
        }
        return safetensors.torch.save(tensors, metadata=_notes(settings, trainable, base=base))


def _notes(settings: TrainingSettings, trainable: Trainable, *, base: str) -> dict[str, str]:
    """Write what ModelSpec and kohya's trainer write, and the settings of this one."""
    notes = {
        "format": "pt",
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": trainable.architecture,
        "modelspec.implementation": "diffusers",
        "modelspec.resolution": f"{settings.resolution}x{settings.resolution}",
        "ss_network_dim": str(settings.rank),
        "ss_network_alpha": str(settings.rank),
        "ss_steps": str(settings.steps),
        "easel.base": base,
        "easel.rank": str(settings.rank),
        "easel.alpha": str(settings.alpha),
        "easel.steps": str(settings.steps),
    }
    if trigger := settings.trigger.strip():
        notes |= {"modelspec.trigger_phrase": trigger, "easel.trigger_words": trigger}
    return notes
