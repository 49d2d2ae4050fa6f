"""Seal users' keys anew under the current secret, so that a former one can be taken out."""

from apps.core.tenancy import service_scope
from apps.providers.models import ProviderKey
from apps.providers.sealing import is_current, seal, unseal


def reseal_keys() -> int:
    """Seal every key anew that a former secret sealed; return how many were.

    Raises:
        NotOpenedError: a secret is missing; what was done before it stays undone.
    """
    count = 0
    with service_scope("seal the keys of users at providers anew"):
        for key in ProviderKey.objects.select_for_update().order_by("id"):
            user_id, provider = key.user_id, key.provider
            if is_current(key.sealed, user_id=user_id, provider=provider):
                continue
            text = unseal(key.sealed, user_id=user_id, provider=provider)
            sealed = seal(text, user_id=user_id, provider=provider)
            ProviderKey.objects.filter(id=key.id).update(sealed=sealed)
            count += 1
    return count
