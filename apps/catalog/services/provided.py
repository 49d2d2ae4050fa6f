"""Enter the models of other people's services, which have no files."""

from collections.abc import Collection

from apps.catalog.models import GenerationModel, ModelKind
from gpu_tasks.providers.facts import PROVIDER_FACTS, PROVIDER_TITLES, ProviderFacts, ProviderName


def enter_provided_models(*, offered: Collection[ProviderName]) -> int:
    """Enter the models of all providers, those `offered` switched on; in a service scope.

    Returns:
        How many rows are new or were switched.
    """
    known = dict(
        GenerationModel.objects.filter(base__in=list(PROVIDER_FACTS)).values_list(
            "key", "is_enabled"
        )
    )
    changed = 0
    for facts in PROVIDER_FACTS.values():
        is_enabled = facts.provider in offered
        if known.get(facts.key) is is_enabled:
            continue
        GenerationModel.objects.update_or_create(
            key=facts.key, defaults=_columns(facts) | {"is_enabled": is_enabled}
        )
        changed += 1
    return changed


def _columns(facts: ProviderFacts) -> dict[str, object]:
    sides = [side for size in facts.sizes for side in size]
    return {
        "kind": ModelKind.MAIN,
        "name": facts.title,
        "base": facts.base,
        "default_width": facts.size,
        "default_height": facts.size,
        "min_size": min(sides),
        "max_size": max(sides),
        "default_steps": facts.steps,
        "default_guidance": facts.guidance_scale,
        "source": PROVIDER_TITLES[facts.provider],
        # Both providers leave the pictures to whoever asked for them.
        "commercial_use": True,
        "description": "",
    }
