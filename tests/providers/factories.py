"""Make rows of providers for tests, without asking any."""

import uuid

from apps.accounts.models import User
from apps.providers.models import KeyOwner, ProviderCall, ProviderKey
from apps.providers.sealing import seal
from gpu_tasks.providers.facts import ProviderName

OWN_KEY = "sk-own-key-of-the-user-7777"


def make_provider_key(
    user: User, *, provider: ProviderName = ProviderName.OPENAI, key: str = OWN_KEY
) -> ProviderKey:
    """Keep a key that nobody has checked."""
    return ProviderKey.objects.create(
        user=user,
        provider=provider,
        sealed=seal(key, user_id=user.id, provider=provider),
        hint=key[-4:],
    )


def make_provider_call(user: User) -> ProviderCall:
    """Write that a picture was asked for by the house's key."""
    return ProviderCall.objects.create(
        user=user,
        job_id=uuid.uuid4(),
        attempt=1,
        provider=ProviderName.OPENAI,
        model_used="gpt-image-1-5-low",
        key_owner=KeyOwner.HOUSE,
        pictures_asked=1,
        cost_micros=9_000,
    )
