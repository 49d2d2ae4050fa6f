"""Generations that other services carry out: on which terms, and what of them a job keeps."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from django.utils.translation import gettext as _

from apps.catalog.services.provided import enter_provided_models
from apps.core.errors import Conflict, ErrorCode
from apps.core.tenancy import service_scope
from apps.generation.models import Job
from apps.generation.orders import Order
from apps.generation.parameters import GenerationParameters
from apps.providers.models import KeyOwner
from apps.providers.selectors import (
    Terms,
    house_providers,
    offered_providers,
    own_providers,
    terms_of,
)
from gpu_tasks.providers.facts import PROVIDER_FACTS, PROVIDER_TITLES

# What the work of a job names them by.
_TERMS = "terms"


def is_provided(base: str) -> bool:
    """Say whether another service makes the pictures of a model."""
    return base in PROVIDER_FACTS


def looks_of(parameters: GenerationParameters) -> int:
    """Return how many pictures the provider is sent to look at; a mask is none."""
    return (parameters.init_image is not None) + len(parameters.references)


def terms_of_orders(*, user_id: uuid.UUID, orders: Sequence[Order]) -> list[Terms | None]:
    """Return the terms of each order, `None` where the engine carries it out; at most one query."""
    if not any(is_provided(order.model.base) for order in orders):
        return [None] * len(orders)
    own = own_providers(user_id=user_id)
    return [
        terms_of(
            base=order.model.base,
            size=(order.parameters.width, order.parameters.height),
            looks=looks_of(order.parameters),
            own=own,
        )
        if is_provided(order.model.base)
        else None
        for order in orders
    ]


def check_keys(terms: Iterable[Terms | None]) -> None:
    """Do nothing if there is a key for each.

    Raises:
        Conflict: the house has none of a provider, and neither has the user.
    """
    for each in terms:
        if each is None or each.key_owner == KeyOwner.OWN:
            continue
        if each.provider not in house_providers():
            raise Conflict(
                _(
                    "There is no key for %(provider)s here. Save your own key in the settings to "
                    "make pictures with it."
                )
                % {"provider": PROVIDER_TITLES[each.provider]},
                code=ErrorCode.IMAGE_PROVIDER_KEY_MISSING,
                provider=each.provider.value,
            )


def work_of(order: Order, terms: Terms | None) -> dict[str, Any] | None:
    """Return what a job keeps of its terms, and what it looks at; nothing of the engine's."""
    if terms is None:
        return None
    pictures = sorted({name for _field, name in order.parameters.pictures_named()})
    return {"models": [], "pictures": pictures, _TERMS: terms.to_json()}


def terms_of_job(job: Job) -> Terms | None:
    """Return the terms on which a job was accepted, `None` if the engine carries it out."""
    kept = (job.work or {}).get(_TERMS)
    return None if kept is None else Terms.from_json(kept)


def enter_models_of_providers() -> int:
    """Bring the catalog up to date with the providers that are offered here."""
    with service_scope("enter the models of providers"):
        return enter_provided_models(offered=offered_providers())
