"""What is wrong with the settings of a generation that another service would carry out."""

import dataclasses
from collections.abc import Iterator

from django.utils.translation import gettext as _

from apps.catalog.models import GenerationModel
from apps.generation.parameters.settings import GenerationParameters
from apps.generation.parameters.sketch import sketch_request
from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.family_facts import Capability
from gpu_tasks.engine.scheduler_names import SCHEDULER_NAMES
from gpu_tasks.providers.facts import ProviderFacts

Problem = tuple[str, str]

# What decides nothing here stands in for the engine, which has to be asked something.
_STEPS = 100
_SCHEDULER = next(iter(SCHEDULER_NAMES))


def provided_problems(
    parameters: GenerationParameters, *, model: GenerationModel, facts: ProviderFacts
) -> Iterator[Problem]:
    """Yield the fields that the provider does not take as they are; a seed it does not use is none.

    What it cannot do at all is told by `needs_of`.
    """
    if (parameters.width, parameters.height) not in facts.sizes:
        sizes = ", ".join(f"{width} × {height}" for width, height in facts.sizes)
        message = _("Choose one of these sizes: %(sizes)s.") % {"sizes": sizes}
        yield "width", message
        yield "height", message
    for name, usual in (
        ("steps", model.default_steps),
        ("guidance_scale", model.default_guidance),
        ("scheduler", model.default_scheduler),
        ("strength", parameters.strength if facts.has_strength else None),
    ):
        if getattr(parameters, name) != usual:
            yield name, _("“%(model)s” has no such setting; leave it out.") % {"model": model.name}
    if parameters.mask is not None and parameters.mask.only_masked:
        yield (
            "mask.only_masked",
            _("“%(model)s” has no such setting; leave it out.") % {"model": model.name},
        )


def needs_of(parameters: GenerationParameters) -> list[tuple[Capability, str]]:
    """List what a model must be able to do for this, each with the field that asks for it.

    Raises:
        InvalidRequest: nobody can do it.
    """
    sketch = sketch_request(
        dataclasses.replace(
            parameters,
            steps=_STEPS,
            scheduler=_SCHEDULER,
            guidance_scale=1.0,
            strength=None if parameters.init_image is None else 1.0,
        ),
        model_key="-",
    )
    # Enlarging without working over is for networks of ours too.
    enlarging = [(Capability.UPSCALE, "upscale")] if parameters.upscale is not None else []
    return [*sketch.needs(), *enlarging]


def unusable(error: InvalidRequest) -> Iterator[Problem]:
    """Yield the fields of a request that nobody could carry out."""
    for field in error.fields:
        yield field, _("This value, or together with the others, cannot be used.")
