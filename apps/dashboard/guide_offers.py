"""What may guide a picture on the Create page, with which model and with which not."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from apps.catalog.limits import MAX_PROMPT_LENGTH
from apps.catalog.models import KINDS_WITHOUT_FAMILY, GenerationModel, ModelKind
from apps.generation.grids import FIELDS, MAX_CELLS, MAX_VALUES
from apps.generation.guide_requests import (
    LEAST_SCALE,
    LEAST_TILE,
    MOST_LORA_WEIGHT,
    MOST_STEPS_OF_TILES,
    MOST_WEIGHT,
    TOKEN_LENGTH,
)
from apps.generation.parameters.add_ons import fits
from gpu_tasks.engine.control.names import PREPROCESSOR_NAMES, PreprocessorDescription
from gpu_tasks.engine.family_facts import FAMILY_FACTS, FamilyFacts
from gpu_tasks.engine.guides import (
    MAX_CONTROLS,
    MAX_EMBEDDINGS,
    MAX_FEATHER,
    MAX_LORAS,
    MAX_MARGIN,
    MAX_PADDING,
    MAX_REFERENCES,
    MAX_REGIONS,
    MAX_SCALE,
)
from gpu_tasks.engine.request import MAX_CLIP_SKIP
from gpu_tasks.providers.facts import facts_of

# The engine's reasons are for those who read its table; these are for those who make pictures.
REASONS: Mapping[str, str | Promise] = {
    "diffusers has no pipeline class for it": _("There is no way to do this with the family yet."),
    "its prompts are read by a language model, not by CLIP": _(
        "Its prompts are read by a language model, not by CLIP."
    ),
    "it changes pictures and makes none from nothing": _(
        "It changes pictures and makes none from nothing."
    ),
    "its guidance is distilled into the model, which has no place for it": _(
        "Its guidance is part of the model, which has no place for it."
    ),
    "it is a change of convolutions, and the model has none": _(
        "It works on convolutions, and the model has none."
    ),
    "only SDXL has a refiner": _("Only SDXL has a refiner."),
    "it is offered for SD 1.5, SD 2 and SDXL": _("It is offered for SD 1.5, SD 2 and SDXL."),
    "it was not trained to look at reference pictures": _(
        "It was not trained to look at reference pictures."
    ),
    "it only adds detail to pictures of SDXL": _("It only adds detail to pictures of SDXL."),
    "it only fills masks": _("It only fills masks."),
    "the provider does not offer it": _("The image service does not offer this."),
}
# Names that the engine has in English alone, marked to be said in the language of the page.
NAMES = frozenset(
    {
        gettext_noop("None"),
        gettext_noop("Canny edges"),
        gettext_noop("Line art"),
        gettext_noop("Soft edges"),
        gettext_noop("Scribble"),
        gettext_noop("Depth"),
        gettext_noop("Blur (tile)"),
        gettext_noop("Grayscale"),
        gettext_noop("Invert"),
        gettext_noop("Black and white"),
        gettext_noop("Colours (mosaic)"),
        gettext_noop("Shuffle"),
        gettext_noop("Low threshold"),
        gettext_noop("High threshold"),
        gettext_noop("Line width"),
        gettext_noop("Faintest line"),
        gettext_noop("Smoothing"),
        gettext_noop("Threshold"),
        gettext_noop("Cell in pixels"),
        gettext_noop("Seed"),
        gettext_noop("Grain in pixels"),
    }
)
# Of a main model that helps another one there is the refiner alone.
_KINDS_OF_FAMILIES = sorted(frozenset(ModelKind) - KINDS_WITHOUT_FAMILY)

LIMITS: Mapping[str, float] = {
    "loras": MAX_LORAS,
    "lora_weight": MOST_LORA_WEIGHT,
    "embeddings": MAX_EMBEDDINGS,
    "token": TOKEN_LENGTH,
    "controls": MAX_CONTROLS,
    "weight": MOST_WEIGHT,
    "image_prompt": MAX_REFERENCES,
    "references": MAX_REFERENCES,
    "regions": MAX_REGIONS,
    "prompt": MAX_PROMPT_LENGTH,
    "clip_skip": MAX_CLIP_SKIP,
    "feather": MAX_FEATHER,
    "padding": MAX_PADDING,
    "margin": MAX_MARGIN,
    "least_tile": LEAST_TILE,
    "most_tile": MOST_STEPS_OF_TILES,
    "least_scale": LEAST_SCALE,
    "most_scale": MAX_SCALE,
    "values": MAX_VALUES,
    "cells": MAX_CELLS,
}


def guide_offers(models: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return limits, preprocessors, and of each family of `models` what it lacks and what fits it.

    `models` are main ones as the API renders them. JSON-ready but for lazy texts; no query.
    """
    bases = sorted({str(model["base"]) for model in models})
    return {
        "families": {base: _family(facts_of(base)) for base in bases},
        "limits": LIMITS,
        "preprocessors": [_preprocessor(*each) for each in PREPROCESSOR_NAMES.items()],
        "grid_fields": FIELDS,
    }


def _family(facts: FamilyFacts) -> dict[str, Any]:
    return {
        "name": facts.name,
        "lacks": {name.value: REASONS[text] for name, text in facts.lacks.items()},
        "limits": dict(facts.limits),
        "takes": {kind: _bases_that_fit(kind, facts.base) for kind in _KINDS_OF_FAMILIES},
    }


def _bases_that_fit(kind: str, base: str) -> list[str]:
    return [other for other in FAMILY_FACTS if fits(GenerationModel(kind=kind, base=other), base)]


def _preprocessor(key: str, description: PreprocessorDescription) -> dict[str, Any]:
    return {
        "key": key,
        "name": gettext(description.name),
        "needs_depth_model": description.needs_depth_model,
        "parameters": [
            {
                "key": name,
                "name": gettext(one.name),
                "least": one.least,
                "most": one.most,
                "default": one.default,
                "whole": one.whole,
            }
            for name, one in description.parameters.items()
        ],
    }
