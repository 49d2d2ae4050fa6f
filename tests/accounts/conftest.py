"""What the tests of sign-in share: a provider, and forms whose mails go out."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, STAFF_GROUP, OidcProvider

Post = Callable[..., Any]


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


@pytest.fixture
def post(django_capture_on_commit_callbacks: Any) -> Post:
    """Return a function that posts a form, as a new visitor unless told; mails go out at commit."""

    def send(path: str, client: Client | None = None, **form: str) -> HttpResponse:
        with django_capture_on_commit_callbacks(execute=True):
            return (client or Client()).post(path, form)  # type: ignore[return-value]

    return send
