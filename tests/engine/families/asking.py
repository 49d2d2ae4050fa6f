"""How each capability is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PIL import Image

from gpu_tasks.engine import GenerationRequest
from gpu_tasks.engine.family_facts import FAMILY_FACTS, Capability
from gpu_tasks.engine.guides import (
    Control,
    ControlKind,
    HighRes,
    ImagePrompt,
    Lora,
    Mask,
    Outpaint,
    Region,
    TextualInversion,
    Upscale,
    Variation,
)
from tests.engine.families import add_on_files
from tests.engine.families.conftest import Shop

WIDTH, HEIGHT = 96, 64
Changes = dict[str, Any]


def picture(size: tuple[int, int] = (WIDTH, HEIGHT)) -> Image.Image:
    return Image.linear_gradient("L").resize(size).convert("RGB")


def half() -> Image.Image:
    mask = Image.new("L", (WIDTH, HEIGHT))
    mask.paste(255, (0, 0, WIDTH // 2, HEIGHT))
    return mask


def plain(base: str, **changes: Any) -> GenerationRequest:
    """Ask for a picture in the plainest way that the family has."""
    facts = FAMILY_FACTS[base]
    arguments: Changes = {
        "prompt": "a cat",
        "width": WIDTH,
        "height": HEIGHT,
        "steps": 2,
        "guidance_scale": max(facts.guidance_scale, 3.0),
        "scheduler": "euler",
        "seed": 7,
        "model_key": base,
    }
    return GenerationRequest(**(arguments | start_of(base) | changes))


def start_of(base: str) -> Changes:
    lacks = FAMILY_FACTS[base].lacks
    if Capability.TXT2IMG not in lacks:
        return {}
    if Capability.REFERENCES not in lacks:
        return {"references": (picture(),)}
    if Capability.IMG2IMG not in lacks:
        return {"init_image": picture(), "strength": 1.0}
    return {"init_image": picture(), "strength": 1.0, "mask": Mask(image=half())}


def _from_picture(_shop: Shop, _base: str) -> Changes:
    return {"init_image": picture(), "strength": 0.5, "mask": None, "references": ()}


def _control(kind: ControlKind) -> Callable[[Shop, str], Changes]:
    build = {
        ControlKind.CONTROLNET: add_on_files.build_controlnet,
        ControlKind.T2I_ADAPTER: add_on_files.build_t2i_adapter,
    }[kind]

    def ask(shop: Shop, base: str) -> Changes:
        return {"controls": (Control(source=shop.add_on(base, build), image=picture(), kind=kind),)}

    return ask


def _lora(shop: Shop, base: str) -> Changes:
    return {"loras": (Lora(source=shop.add_on(base, add_on_files.build_lora)),)}


def _embeddings(shop: Shop, base: str) -> Changes:
    source = shop.add_on(base, add_on_files.build_embedding)
    return {
        "prompt": "a cat in <thing>",
        "embeddings": (TextualInversion(source=source, token="<thing>"),),
    }


def _image_prompt(shop: Shop, base: str) -> Changes:
    source = shop.add_on(base, add_on_files.build_ip_adapter)
    return {"image_prompt": ImagePrompt(source=source, images=(picture(),))}


ASK: Mapping[Capability, Callable[[Shop, str], Changes]] = {
    Capability.TXT2IMG: lambda _, __: {
        "init_image": None,
        "mask": None,
        "references": (),
        "strength": None,
    },
    Capability.IMG2IMG: _from_picture,
    Capability.INPAINT: lambda shop, base: (
        _from_picture(shop, base) | {"mask": Mask(image=half()), "strength": 1.0}
    ),
    Capability.OUTPAINT: lambda shop, base: (
        _from_picture(shop, base) | {"outpaint": Outpaint(left=32), "strength": 1.0}
    ),
    Capability.HIGH_RES: lambda _, __: {
        "high_res": HighRes(scale=1.5),
        "init_image": None,
        "mask": None,
        "references": (),
        "strength": None,
    },
    Capability.UPSCALE: lambda shop, base: (
        _from_picture(shop, base) | {"upscale": Upscale(strength=0.5, tile=64, overlap=16)}
    ),
    Capability.VARIATIONS: lambda _, __: {
        "variation": Variation(seed=5, strength=0.5),
        "init_image": None,
        "mask": None,
        "references": (),
        "strength": None,
    },
    Capability.LORA: _lora,
    Capability.EMBEDDINGS: _embeddings,
    Capability.CONTROLNET: _control(ControlKind.CONTROLNET),
    Capability.T2I_ADAPTER: _control(ControlKind.T2I_ADAPTER),
    Capability.IP_ADAPTER: _image_prompt,
    Capability.REFERENCES: lambda _, __: {"references": (picture((64, 64)),)},
    Capability.REGIONS: lambda _, __: {
        "regions": (Region(prompt="a dog", mask=half()),),
        "mask": None,
    },
    Capability.PROMPT_WEIGHTS: lambda _, __: {"prompt": "a (cat:1.4)"},
    Capability.NEGATIVE_PROMPT: lambda _, __: {"negative_prompt": "blur"},
    Capability.CLIP_SKIP: lambda _, __: {"clip_skip": 1},
    Capability.VAE: lambda shop, base: {"vae": shop.add_on(base, add_on_files.build_vae)},
    Capability.SEAMLESS: lambda _, __: {"seamless": frozenset({"x"})},
    Capability.REFINER: lambda shop, _: {
        "refiner": shop.model("sdxl-refiner"),
        "refiner_strength": 0.5,
    },
}
