"""Enter the models of other people's services, which have no files."""

from collections.abc import Collection

from django.utils import timezone

from apps.catalog.models import GenerationModel, ModelKind
from gpu_tasks.providers.facts import (
    PROVIDER_FACTS,
    PROVIDER_MODEL_KEYS,
    PROVIDER_TITLES,
    ProviderFacts,
    ProviderName,
)


def enter_provided_models(*, offered: Collection[ProviderName]) -> int:
    """Enter the models of all providers, and let those go that are not `offered`; for a service.

    Whether one is switched on is for the staff to say once it is there, and so are its name and
    its licence; what its provider decides follows the facts.

    Returns:
        How many rows are new or were changed.
    """
    known = {each.key: each for each in GenerationModel.objects.filter(key__in=PROVIDER_MODEL_KEYS)}
    changed = 0
    for facts in PROVIDER_FACTS.values():
        is_offered = facts.provider in offered
        model = known.get(facts.key)
        if model is None:
            model = GenerationModel(
                key=facts.key,
                name=facts.title,
                # Both providers leave the pictures to whoever asked for them.
                commercial_use=True,
            )
        columns = _columns(facts)
        # As of any deleted one that jobs name the row stays.
        if is_offered or model.deleted_at is None:
            columns["deleted_at"] = None if is_offered else timezone.now()
        if facts.key in known and all(getattr(model, name) == columns[name] for name in columns):
            continue
        for name, value in columns.items():
            setattr(model, name, value)
        model.save()
        changed += 1
    return changed


def _columns(facts: ProviderFacts) -> dict[str, object]:
    sides = [side for size in facts.sizes for side in size]
    return {
        "kind": ModelKind.MAIN,
        "base": facts.base,
        "default_width": facts.size,
        "default_height": facts.size,
        "min_size": min(sides),
        "max_size": max(sides),
        "default_steps": facts.steps,
        "default_guidance": facts.guidance_scale,
        "source": PROVIDER_TITLES[facts.provider],
    }
