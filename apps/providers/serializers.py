"""The JSON of providers and of users' keys there."""

from collections.abc import Collection
from typing import Any

from rest_framework import serializers

from apps.accounts.models import User
from apps.providers.models import MOST_KEY_LENGTH, ProviderKey, provider_choices
from apps.providers.prices import CREDITS_BY_OWN_KEY, credits_of
from apps.providers.sealing import can_seal
from apps.providers.selectors import house_providers, list_own_keys
from gpu_tasks.providers.facts import PROVIDER_FACTS, PROVIDER_TITLES, ProviderFacts, ProviderName


class OwnKeySerializer(serializers.ModelSerializer[ProviderKey]):
    """A key as far as it is ever shown."""

    hint = serializers.CharField(help_text="Its last four characters.")
    checked_at = serializers.DateTimeField(
        allow_null=True, help_text="When the provider took it; null if it will be at first use."
    )

    class Meta:
        model = ProviderKey
        fields = ("hint", "checked_at", "created_at", "updated_at")


class PriceSerializer(serializers.Serializer[Any]):
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    credits = serializers.IntegerField(help_text="For a picture, by our key.")


class ProviderModelSerializer(serializers.Serializer[Any]):
    base = serializers.CharField(help_text="The `base` of its model in the catalog.")
    name = serializers.CharField()
    quality = serializers.CharField(allow_blank=True)
    prices = PriceSerializer(many=True)


class ProviderSerializer(serializers.Serializer[Any]):
    """A provider: whether we have a key of it, whether you have, and what its pictures cost."""

    provider = serializers.ChoiceField(choices=provider_choices())
    name = serializers.CharField()
    is_house = serializers.BooleanField(help_text="Whether it can be used by our key.")
    takes_own_keys = serializers.BooleanField(help_text="Whether a key of yours can be kept.")
    own_key = OwnKeySerializer(allow_null=True)
    credits_by_own_key = serializers.IntegerField(
        help_text="For a picture by your own key, of any model; the provider bills you."
    )
    models = ProviderModelSerializer(many=True)


class ProviderListSerializer(serializers.Serializer[Any]):
    results = ProviderSerializer(many=True)


class NewKeySerializer(serializers.Serializer[Any]):
    key = serializers.CharField(
        max_length=MOST_KEY_LENGTH, write_only=True, help_text="It is never shown again."
    )


def render_providers(*, user: User) -> list[dict[str, Any]]:
    """Render all providers for `user`; one query."""
    own = {key.provider: key for key in list_own_keys(user_id=user.id)}
    houses = house_providers()
    return [_provider(name, own.get(name), houses) for name in ProviderName]


def _provider(
    name: ProviderName, own: ProviderKey | None, houses: Collection[ProviderName]
) -> dict[str, Any]:
    return {
        "provider": name.value,
        "name": PROVIDER_TITLES[name],
        "is_house": name in houses,
        "takes_own_keys": can_seal(),
        "own_key": None if own is None else dict(OwnKeySerializer(own).data),
        "credits_by_own_key": CREDITS_BY_OWN_KEY,
        "models": [_model(facts) for facts in PROVIDER_FACTS.values() if facts.provider is name],
    }


def _model(facts: ProviderFacts) -> dict[str, Any]:
    return {
        "base": facts.base,
        "name": facts.name,
        "quality": facts.quality,
        "prices": [
            {
                "width": width,
                "height": height,
                "credits": credits_of(base=facts.base, size=(width, height), looks=0),
            }
            for width, height in facts.sizes
        ],
    }
