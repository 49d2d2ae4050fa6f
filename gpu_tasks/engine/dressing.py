"""Change a model's shared parts for the time of one request, and put them back as they were.

Only whoever holds the engine's running lock may; whatever happens in the block, the next request
finds the parts as if nothing had been.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from gpu_tasks.engine.add_ons import AddOns, IpAdapter
from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.families import LoadedModel
from gpu_tasks.engine.guides import AddOn, ControlKind, ImagePrompt, Lora
from gpu_tasks.engine.libraries import PATCHING, torch
from gpu_tasks.engine.memory import is_out_of_memory
from gpu_tasks.engine.prompts.embedding_cache import digest_key
from gpu_tasks.engine.prompts.seamless import seamless
from gpu_tasks.engine.request import GenerationRequest

# LoRAs stay in the parts, switched off, so that the next request with them need not load them.
_LORAS_KEPT: Final = 4
_NOT_FOR_THIS_MODEL: Final = "one of them was not made for this model"


@contextmanager
def dressed(
    model: LoadedModel, request: GenerationRequest, add_ons: AddOns
) -> Iterator[dict[str, Any]]:
    """Dress a model for a request; give the parts that its pipelines need besides.

    Raises:
        InvalidRequest: an addition does not fit the model.
    """
    extras: dict[str, Any] = {}
    with ExitStack() as stack:
        if add_ons.vae is not None:
            _check_alike("vae", add_ons.vae, model.components["vae"], "latent_channels")
            extras["vae"] = add_ons.vae
        if add_ons.controls:
            for control in add_ons.controls:
                denoiser = model.components[model.family.denoiser]
                _check_alike("controls", control, denoiser, "cross_attention_dim")
                _check_alike("controls", control, denoiser, "joint_attention_dim")
            kind = request.controls[0].kind
            name = "adapter" if kind is ControlKind.T2I_ADAPTER else "controlnet"
            extras[name] = model.family.join_controls(add_ons.controls, kind)
        if loras := [lora for lora in request.loras if lora.weight]:
            stack.enter_context(_loras_on(model, loras, add_ons.loras))
        if request.image_prompt is not None and add_ons.image_prompt is not None:
            adapter = add_ons.image_prompt
            stack.enter_context(_ip_adapter_on(model, request.image_prompt, adapter))
            extras["image_encoder"] = adapter.image_encoder
            extras["feature_extractor"] = adapter.feature_extractor
        if request.seamless:
            vae = extras.get("vae", model.components["vae"])
            networks = [model.components[model.family.denoiser], vae]
            if (refiner := add_ons.refiner) is not None:
                networks += [refiner.components["unet"], refiner.components["vae"]]
            stack.enter_context(
                seamless(
                    networks,
                    horizontally="x" in request.seamless,
                    vertically="y" in request.seamless,
                )
            )
        yield extras


def _check_alike(field_name: str, part: Any, own: Any, name: str) -> None:
    """Refuse an addition whose measure `name` differs from that of the model's own part."""
    measures = [getattr(one.config, name, None) for one in (part, own)]
    if None not in measures and measures[0] != measures[1]:
        raise InvalidRequest({field_name: "was not made for this model"})


@contextmanager
def _loras_on(
    model: LoadedModel, loras: list[Lora], states: Mapping[AddOn, Mapping[str, torch.Tensor]]
) -> Iterator[None]:
    pipeline = model.family.bare_pipeline(model)
    weights: dict[AddOn, float] = {}
    for lora in loras:
        weights[lora.source] = weights.get(lora.source, 0.0) + lora.weight
    try:
        for source in weights:
            _put_in(pipeline, model, _adapter_name(source), states[source])
        pipeline.enable_lora()
        pipeline.set_adapters([_adapter_name(source) for source in weights], [*weights.values()])
        yield
    finally:
        pipeline.disable_lora()
        while len(model.adapters) > max(_LORAS_KEPT, len(weights)):
            name, _ = model.adapters.popitem(last=False)
            pipeline.delete_adapters(name)


def _put_in(
    pipeline: Any, model: LoadedModel, name: str, state: Mapping[str, torch.Tensor]
) -> None:
    if name in model.adapters:
        model.adapters.move_to_end(name)
        return
    try:
        with PATCHING:
            pipeline.load_lora_weights(dict(state), adapter_name=name)
    except Exception as error:
        # What is in by now would be in the way of the next try.
        pipeline.delete_adapters(name)
        if is_out_of_memory(error):
            raise
        raise InvalidRequest({"loras": _NOT_FOR_THIS_MODEL}) from error
    if not any(name in names for names in pipeline.get_list_adapters().values()):
        # Some loaders pass over tensors for parts that the model does not have.
        raise InvalidRequest({"loras": _NOT_FOR_THIS_MODEL})
    model.adapters[name] = sum(tensor.nbytes for tensor in state.values())


def _adapter_name(source: AddOn) -> str:
    # Module names of torch hold no dots, and two files under one key are two LoRAs.
    return "lora_" + digest_key(key=source.key, path=str(source.path), sha256=source.sha256)


@contextmanager
def _ip_adapter_on(
    model: LoadedModel, image_prompt: ImagePrompt, adapter: IpAdapter
) -> Iterator[None]:
    pipeline = model.family.bare_pipeline(model)
    try:
        try:
            with PATCHING:
                pipeline.load_ip_adapter(
                    {group: dict(tensors) for group, tensors in adapter.state.items()},
                    subfolder="",
                    weight_name="",
                    # The encoder is ours; the families' loaders differ in how they are told so.
                    image_encoder_folder=None,
                    image_encoder_pretrained_model_name_or_path=None,
                )
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise InvalidRequest({"image_prompt": "was not made for this model"}) from error
        pipeline.set_ip_adapter_scale(image_prompt.weight)
        yield
    finally:
        pipeline.unload_ip_adapter()
