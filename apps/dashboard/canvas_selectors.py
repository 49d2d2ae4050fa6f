"""What the page of a canvas offers to work with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apps.accounts.models import User
from apps.catalog.models import ModelKind
from apps.catalog.selectors import list_catalog
from apps.catalog.serializers import render_list
from apps.plans.entitlements import Feature, decide, entitlements_of, refusal
from gpu_tasks.engine.family_facts import FAMILY_FACTS
from gpu_tasks.providers.facts import PROVIDER_FACTS

_KINDS = (ModelKind.MAIN, ModelKind.CONTROLNET, ModelKind.T2I_ADAPTER)


@dataclass(frozen=True, slots=True)
class CanvasTools:
    """Models in the JSON form of the API with the `size_multiple` of their family, what control
    layers can go to, and why nothing is made, if so.
    """

    models: Sequence[dict[str, Any]]
    controls: Sequence[dict[str, Any]]
    refusal: str | None


def canvas_tools(*, user: User) -> CanvasTools:
    """Return what `user` can work on a canvas with; two queries."""
    has = entitlements_of(user_id=user.id)
    usable = list_catalog(user=user).filter(kind__in=_KINDS, is_enabled=True)
    # A canvas is worked on in parts of any size, which other services do not make.
    usable = usable.exclude(base__in=list(PROVIDER_FACTS))
    found = render_list(usable, user=user, has=has)
    main = [
        {**model, "size_multiple": FAMILY_FACTS[model["base"]].size_multiple}
        for model in found
        if model["kind"] == ModelKind.MAIN
    ]
    controls = [
        {key: model[key] for key in ("key", "name", "base", "kind")}
        for model in found
        if model["kind"] != ModelKind.MAIN and model["included"]
    ]
    generation = decide(has, feature=Feature.GENERATION)
    return CanvasTools(main, controls, None if generation.allowed else refusal(generation))
