"""How a provider is reached from here: where, by which key, how patiently."""

from django.conf import settings

from gpu_tasks.providers import Access, ProviderName, Timeouts

# Somebody waits at a page for it.
_CHECK = Timeouts(connect=3.0, read=5.0, whole=8.0)


def access_for_pictures(provider: ProviderName, *, key: str) -> Access:
    """Return how pictures are asked for by `key`."""
    read = settings.EASEL_PROVIDER_TIMEOUT_SECONDS
    return Access(
        base_url=settings.EASEL_PROVIDER_URLS[provider],
        key=key,
        timeouts=Timeouts(read=read, whole=2 * read),
    )


def access_for_check(provider: ProviderName, *, key: str) -> Access:
    """Return how it is found out whether `key` is good."""
    return Access(base_url=settings.EASEL_PROVIDER_URLS[provider], key=key, timeouts=_CHECK)


def house_key(provider: ProviderName) -> str | None:
    """Return the house's own key, if this process has it: workers do."""
    key: str | None = settings.EASEL_HOUSE_KEYS.get(provider)
    return key
