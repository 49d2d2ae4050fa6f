"""A provider for the tests of sign-in."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, STAFF_GROUP, OidcProvider


@pytest.fixture(scope="session")
def running_provider() -> Iterator[OidcProvider]:
    with OidcProvider() as provider:
        yield provider


@pytest.fixture
def provider(running_provider: OidcProvider, settings: Any) -> Iterator[OidcProvider]:
    """A provider, and settings under which it signs people in."""
    settings.EASEL_OIDC_ISSUER = running_provider.issuer
    settings.EASEL_OIDC_CLIENT_ID = CLIENT_ID
    settings.EASEL_OIDC_CLIENT_SECRET = CLIENT_SECRET
    settings.EASEL_OIDC_STAFF_GROUP = STAFF_GROUP
    settings.OIDC_TIMEOUT = 1
    settings.AUTHENTICATION_BACKENDS = ["apps.accounts.oidc.backend.ProviderBackend"]
    yield running_provider
    running_provider.reset()
