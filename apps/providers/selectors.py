"""Reads: which providers there are for whom, by whose key, and at what price."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Self

from django.conf import settings

from apps.accounts.models import User
from apps.core.errors import NotFound
from apps.core.tenancy import tenant_scope
from apps.providers.models import CallOutcome, KeyOwner, ProviderCall, ProviderKey
from apps.providers.prices import CREDITS_BY_OWN_KEY, credits_of
from apps.providers.sealing import can_seal
from gpu_tasks.providers.facts import PROVIDER_FACTS, PROVIDER_TITLES, ProviderName, Size


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """By whose key a job's pictures are asked for, and the credits of each; fixed with the job."""

    provider: ProviderName
    key_owner: KeyOwner
    credits_a_picture: int

    @property
    def title(self) -> str:
        """Return the name of the provider."""
        return PROVIDER_TITLES[self.provider]

    def to_json(self) -> dict[str, Any]:
        return {
            "provider": self.provider.value,
            "key_owner": self.key_owner.value,
            "credits_a_picture": self.credits_a_picture,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        return cls(
            provider=ProviderName(values["provider"]),
            key_owner=KeyOwner(values["key_owner"]),
            credits_a_picture=values["credits_a_picture"],
        )


def house_providers() -> frozenset[ProviderName]:
    """Return the providers that the house has a key of."""
    return frozenset(ProviderName(name) for name in settings.EASEL_HOUSE_PROVIDERS)


def offered_providers() -> frozenset[ProviderName]:
    """Return the providers whose models are in the catalog here."""
    return frozenset(ProviderName) if can_seal() else house_providers()


def list_own_keys(*, user_id: uuid.UUID) -> list[ProviderKey]:
    """List the keys of a user, without what is sealed."""
    return list(ProviderKey.objects.filter(user=user_id).defer("sealed").order_by("provider"))


def own_providers(*, user_id: uuid.UUID) -> frozenset[ProviderName]:
    """Return the providers that a user has an own key of; one query."""
    names = ProviderKey.objects.filter(user=user_id).values_list("provider", flat=True)
    return frozenset(ProviderName(name) for name in names)


def get_own_key(*, user: User, provider: ProviderName) -> ProviderKey:
    """Return the key that `user` has at a provider.

    Raises:
        NotFound: there is none.
    """
    key = ProviderKey.objects.filter(user=user, provider=provider).defer("sealed").first()
    if key is None:
        raise NotFound
    return key


def is_billed_perhaps(*, user_id: uuid.UUID, job_id: uuid.UUID, before_attempt: int) -> bool:
    """Say whether an earlier attempt at a job made a call that its provider may have billed."""
    with tenant_scope(user_id):
        calls = ProviderCall.objects.filter(user=user_id, job_id=job_id, attempt__lt=before_attempt)
        return calls.exclude(outcome=CallOutcome.FAILED).exists()


def terms_of(*, base: str, size: Size, looks: int, own: Collection[ProviderName]) -> Terms:
    """Return on which terms pictures are made for a user who has `own` keys.

    The price is the house's where there is neither key: who asks is told before it is due.
    """
    provider = PROVIDER_FACTS[base].provider
    if provider in own:
        owner, price = KeyOwner.OWN, CREDITS_BY_OWN_KEY
    else:
        owner, price = KeyOwner.HOUSE, credits_of(base=base, size=size, looks=looks)
    return Terms(provider=provider, key_owner=owner, credits_a_picture=price)


def usable_services(*, user_id: uuid.UUID) -> dict[str, dict[str, str]]:
    """Return the providers that a user can have pictures of, with their names and whose key it is.

    JSON-ready; one query.
    """
    own = own_providers(user_id=user_id)
    return {
        name.value: {
            "name": PROVIDER_TITLES[name],
            "key_owner": (KeyOwner.OWN if name in own else KeyOwner.HOUSE).value,
        }
        for name in ProviderName
        if name in own or name in house_providers()
    }
