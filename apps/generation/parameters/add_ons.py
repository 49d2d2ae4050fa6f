"""The models that a generation names beside its own."""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.db.models import Q

from apps.accounts.models import User
from apps.catalog.models import GenerationModel, ModelKind

# Families whose LoRAs and VAEs fit each other: the one was trained from the other.
_RELATED = (
    frozenset({"flux-1", "flux-1-fill", "flux-1-kontext"}),
    frozenset({"qwen-image", "qwen-image-edit"}),
)
# These have a VAE in common, and nothing else.
_SAME_VAE = (*_RELATED, frozenset({"sdxl", "sdxl-refiner"}))
REFINER_BASE = "sdxl-refiner"


def find_add_ons(
    *, user: User, settings: Iterable[Mapping[str, Any]]
) -> dict[str, GenerationModel]:
    """Return the models that requests name beside their own and `user` can use, by key.

    One query for all of them, and none if they name none. A depth estimator is among them where
    a control picture may ask for one.
    """
    return find_by_keys(user_id=user.id, keys=keys_named(settings))


def find_by_keys(*, user_id: uuid.UUID, keys: Iterable[str]) -> dict[str, GenerationModel]:
    """Return the models of `keys` that a user can use, by key, and a depth estimator if any."""
    wanted = set(keys)
    if not wanted:
        return {}
    named = Q(key__in=wanted) & (Q(user=user_id) | Q(user=None))
    # One query finds what a control picture may have to be prepared with, too.
    estimator = Q(kind=ModelKind.DEPTH, user=None)
    found = GenerationModel.objects.filter(named | estimator, is_enabled=True, deleted_at=None)
    return {model.key: model for model in found}


def keys_named(settings: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the keys of all models that requests name beside their own."""
    return {key for each in settings for key in _keys_of(each) if key}


def _keys_of(settings: Mapping[str, Any]) -> Iterator[str | None]:
    for name in ("loras", "embeddings", "controls"):
        for part in settings.get(name) or ():
            yield part["model"]
    for name, field in (
        ("image_prompt", "model"),
        ("refiner", "model"),
        ("upscale", "upscaler"),
        ("high_res", "upscaler"),
    ):
        yield (settings.get(name) or {}).get(field)
    yield settings.get("vae")


def fits(add_on: GenerationModel, base: str) -> bool:
    """Tell whether an addition was made for a family, or for any."""
    if add_on.kind == ModelKind.UPSCALER or not add_on.base:
        return True
    if add_on.kind == ModelKind.MAIN:
        return add_on.base == REFINER_BASE
    if add_on.base == base:
        return True
    groups = {ModelKind.LORA: _RELATED, ModelKind.VAE: _SAME_VAE}.get(ModelKind(add_on.kind), ())
    return any({add_on.base, base} <= group for group in groups)


def default_token(model: GenerationModel) -> str:
    """Return what stands in a prompt for an embedding unless the user says otherwise."""
    return str(model.trigger_words[0]) if model.trigger_words else model.key


def depth_estimator(add_ons: Mapping[str, GenerationModel]) -> GenerationModel | None:
    """Return the model that estimates depth, if one is installed."""
    return next((model for model in add_ons.values() if model.kind == ModelKind.DEPTH), None)
