"""Entries of the catalog for tests of what guides a generation."""

from typing import Any

from apps.accounts.models import User
from apps.catalog.models import GenerationModel, ModelKind


def make_add_on(
    key: str, kind: ModelKind, *, base: str = "sd-1.5-class", user: User | None = None, **facts: Any
) -> GenerationModel:
    """Enter a model beside the main ones; its files are nowhere unless `location` says so."""
    known: dict[str, Any] = {
        "name": key.title(),
        "location": f"shared/{key}",
        "commercial_use": True,
        "sha256": f"{key:0<64}"[:64],
    }
    return GenerationModel.objects.create(key=key, kind=kind, base=base, user=user, **known | facts)


def make_all_kinds() -> None:
    """Enter one of each kind for the starter's family, and others that do not fit it."""
    make_add_on("lora", ModelKind.LORA)
    make_add_on("lora-off", ModelKind.LORA, is_enabled=False)
    make_add_on("lora-xl", ModelKind.LORA, base="sdxl")
    make_add_on("edges", ModelKind.CONTROLNET, preprocessor="canny")
    make_add_on("adapter", ModelKind.T2I_ADAPTER)
    make_add_on("ip", ModelKind.IP_ADAPTER)
    make_add_on("vae", ModelKind.VAE)
    make_add_on("word", ModelKind.EMBEDDING, trigger_words=["<word>"])
    make_add_on("larger", ModelKind.UPSCALER, base="")
    make_add_on("refine", ModelKind.MAIN, base="sdxl-refiner")
    make_add_on(
        "flux",
        ModelKind.MAIN,
        base="flux-1",
        default_width=128,
        default_height=128,
        min_size=64,
        max_size=256,
        default_steps=4,
        default_guidance=3.5,
        default_scheduler="euler",
        access="flux_included",
    )
