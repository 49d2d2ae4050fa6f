"""The page in the docs, the facts and the families' classes say the same as diffusers."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gpu_tasks.engine.capability_table import write_page
from gpu_tasks.engine.families import FAMILIES
from gpu_tasks.engine.family_facts import FAMILY_FACTS, Capability
from gpu_tasks.engine.guides import ControlKind
from gpu_tasks.engine.libraries import diffusers
from gpu_tasks.engine.placement import FITS, Card
from gpu_tasks.engine.tasks_of_calls import Task

ROOT = Path(__file__).parents[3]
NO_CLASS = "diffusers has no pipeline class for it"

# How diffusers calls the pipelines of a family.
NAMES = {
    "sd-1.5-class": r"StableDiffusion(?!3|XL)",
    "sd-2": r"StableDiffusion(?!3|XL)",
    "sdxl": r"StableDiffusionXL",
    "sdxl-refiner": r"StableDiffusionXL",
    "sd-3.5": r"StableDiffusion3",
    "flux-1": r"Flux(?!\d|Fill|Kontext|Prior)",
    "flux-1-fill": r"FluxFill",
    "flux-1-kontext": r"FluxKontext",
    "flux-2": r"Flux2(?!Klein)",
    "flux-2-klein": r"Flux2Klein",
    "qwen-image": r"QwenImage(?!Edit|Layered|\d)",
    "qwen-image-edit": r"QwenImageEdit",
    "z-image": r"ZImage",
}
# How it calls those that a capability needs.
NEEDS = {
    Capability.IMG2IMG: r"Img2Img",
    Capability.INPAINT: r"Inpaint",
    Capability.OUTPAINT: r"Inpaint",
    Capability.HIGH_RES: r"Img2Img",
    Capability.UPSCALE: r"Img2Img",
    Capability.CONTROLNET: r"ControlNet",
    Capability.T2I_ADAPTER: r"Adapter",
}
WITHOUT_CLASS = [
    (base, one)
    for base, facts in FAMILY_FACTS.items()
    for one, reason in facts.lacks.items()
    if reason == NO_CLASS
]


def names_of_pipelines(pattern: str) -> list[str]:
    return [
        name
        for name in dir(diffusers)
        if re.fullmatch(rf"{pattern}\w*Pipeline", name) and "Modular" not in name
    ]


def test_each_family_has_a_name_in_diffusers() -> None:
    assert set(NAMES) == set(FAMILY_FACTS)
    assert [base for base, pattern in NAMES.items() if not names_of_pipelines(pattern)] == []


@pytest.mark.parametrize(("base", "capability"), WITHOUT_CLASS)
def test_diffusers_has_no_class_for_what_is_said_to_have_none(
    base: str, capability: Capability
) -> None:
    if capability is Capability.IP_ADAPTER:
        having = [
            name
            for name in names_of_pipelines(NAMES[base])
            if any("IPAdapter" in one.__name__ for one in getattr(diffusers, name).__mro__)
        ]
        assert having == []
        return
    # A class such as QwenImageEditInpaint is not one of QwenImage's; see NAMES.
    assert names_of_pipelines(rf"{NAMES[base]}\w*{NEEDS[capability]}") == []


@pytest.mark.parametrize("base", FAMILY_FACTS)
def test_the_facts_say_what_the_classes_can(base: str) -> None:
    family, facts = FAMILIES[base], FAMILY_FACTS[base]
    pipelines = {
        Capability.TXT2IMG: (Task.TXT2IMG, None),
        Capability.IMG2IMG: (Task.IMG2IMG, None),
        Capability.INPAINT: (Task.INPAINT, None),
        Capability.REFERENCES: (Task.REFERENCE, None),
        Capability.CONTROLNET: (Task.TXT2IMG, ControlKind.CONTROLNET),
        Capability.T2I_ADAPTER: (Task.TXT2IMG, ControlKind.T2I_ADAPTER),
    }

    for capability, (task, control) in pipelines.items():
        assert family.has_pipeline(task, control) is (capability in facts.capabilities)
    mixed = {name.__name__ for one in family.pipelines.values() for name in one.__mro__}
    if Capability.IP_ADAPTER in facts.capabilities:
        assert any("IPAdapter" in name for name in mixed)
    assert any("LoraLoader" in name for name in mixed)


def test_each_family_is_placed_on_each_card() -> None:
    assert set(FITS) == set(FAMILY_FACTS)
    assert all(set(fits) == set(Card) for fits in FITS.values())
    assert all(fits[Card.A100].placement is not None for fits in FITS.values())


def test_the_page_in_the_docs_is_in_step() -> None:
    assert (ROOT / "docs" / "capabilities.md").read_text() == write_page()


def test_the_page_is_written_without_torch() -> None:
    code = (
        "import sys, gpu_tasks.engine.capability_table as t; t.write_page();"
        "print(sorted(sys.modules.keys() & {'torch', 'diffusers', 'transformers'}))"
    )

    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert run.stdout.strip() == "[]"
