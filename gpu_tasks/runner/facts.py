"""What is kept with a picture of how it was made, enough to make it again."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from apps.catalog.models import GenerationModel
from apps.generation.models import Job
from apps.generation.parameters import GenerationParameters
from gpu_tasks.engine import GenerationCancelled, GenerationResult
from gpu_tasks.engine.libraries import LIBRARY_VERSIONS
from gpu_tasks.engine.scheduler_names import SCHEDULER_NAMES
from gpu_tasks.providers import ProviderFacts


def facts_of_making(
    job: Job,
    *,
    parameters: GenerationParameters,
    add_ons: Mapping[str, GenerationModel],
    made: GenerationResult | GenerationCancelled,
    device: str,
) -> dict[str, Any]:
    """Return the settings and what they were carried out with, alike for all pictures of a job."""
    whole = made if isinstance(made, GenerationResult) else None
    return facts_of(
        job,
        model=job.model,
        parameters=parameters,
        add_ons=add_ons,
        device=device,
        seconds=made.compute_seconds,
        batch=1 if whole is None else whole.pass_pictures,
        memory_saved=whole is not None and whole.memory_saved,
    )


def facts_of(
    job: Job,
    *,
    model: GenerationModel,
    parameters: GenerationParameters,
    add_ons: Mapping[str, GenerationModel],
    device: str,
    seconds: float,
    batch: int,
    memory_saved: bool = False,
) -> dict[str, Any]:
    """Return settings and what they were carried out with.

    `made_with` names the weights by their hashes, the versions of the libraries, the device and
    how many pictures shared the forward pass.
    """
    named = {key for _field, key, _kinds in parameters.models_named()}
    return parameters.to_json() | {
        "scheduler_name": SCHEDULER_NAMES[parameters.scheduler],
        "model": model.key,
        "model_name": model.name,
        "generation": str(job.id),
        "compute_seconds": round(seconds, 3),
        "easel_version": settings.EASEL_VERSION,
        "made_with": {
            "weights": {
                one.key: {"name": one.name, "kind": one.kind, "sha256": one.sha256}
                for one in (model, *(add_ons[key] for key in sorted(named)))
            },
            "libraries": dict(LIBRARY_VERSIONS),
            "device": device,
            "batch": batch,
            "memory_saved": memory_saved,
        },
    }


def facts_of_provided(
    job: Job,
    *,
    parameters: GenerationParameters,
    facts: ProviderFacts,
    made: GenerationResult | GenerationCancelled,
) -> dict[str, Any]:
    """Return what is kept with pictures of another service, of which nobody knows the weights.

    Settings that the service has no use for are `None`: they have decided nothing.
    """
    return (
        parameters.to_json()
        | dict.fromkeys(facts.settings_not_taken)
        | {
            "model": job.model_id,
            "model_name": job.model.name,
            "generation": str(job.id),
            "compute_seconds": round(made.compute_seconds, 3),
            "easel_version": settings.EASEL_VERSION,
            "made_with": {
                "provider": facts.provider.value,
                "provider_model": facts.model,
                "quality": facts.quality,
                "weights": {},
                "libraries": {},
                "device": "",
                "batch": 1,
                "memory_saved": False,
            },
        }
    )
