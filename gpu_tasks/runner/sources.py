"""Where the weights of a catalog entry lie on this machine, and how they lie in its memory."""

from collections.abc import Callable

from django.conf import settings

from apps.catalog.models import GenerationModel
from apps.generation.placing import CARDS
from apps.plans.tiers import GpuTier
from gpu_tasks.engine import ModelSource, ModelUnavailable
from gpu_tasks.engine.placement import Placement, placement_on
from gpu_tasks.runner.weights import local_weights

Source = Callable[[GenerationModel], ModelSource]


def model_source(model: GenerationModel, *, tier: GpuTier | None = None) -> ModelSource:
    """Say where the weights of a model lie, and how for the card of `tier`; none for a CPU.

    Raises:
        ModelUnavailable: a file is missing, or the model does not fit on the card.
        OSError: the file store is away.
    """
    placement: Placement | None = Placement()
    if tier is not None:
        placement = placement_on(model.base, CARDS[tier])
    if placement is None:
        raise ModelUnavailable(
            "This model does not fit on this GPU.", reason=f"{model.base} on {tier}"
        )
    return ModelSource(
        key=model.key,
        path=local_weights(model),
        base=model.base,
        placement=placement,
        memory_map=settings.EASEL_MODELS_MEMORY_MAP,
        sha256=model.sha256,
    )
