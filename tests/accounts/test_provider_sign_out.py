"""Signing out at the provider too, and what its presence switches off."""

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests
from django.core.cache import cache
from django.test import Client

from apps.accounts.models import User
from tests.accounts.provider_visits import (
    CALLBACK,
    EMAIL,
    SIGN_IN,
    START,
    come_in,
    is_in,
    know,
)
from tests.factories import PASSWORD
from tests.oidc_provider import CLIENT_ID, OidcProvider

pytestmark = pytest.mark.django_db


def leads_to(answer: Any) -> str:
    """Return where the page after a sign-out leads."""
    assert answer.status_code == 200
    return str(answer["Refresh"].removeprefix("0; url="))


@pytest.mark.parametrize("path", ["/accounts/sign-out/", "/accounts/sign-out/everywhere/"])
def test_signing_out_ends_the_session_at_the_provider_too(
    provider: OidcProvider, path: str
) -> None:
    know(provider)
    client = Client()
    come_in(client)

    answer = client.post(path)

    assert not is_in(client)
    address = urlsplit(leads_to(answer))
    assert f"{address.scheme}://{address.netloc}{address.path}" == (
        f"{provider.issuer}/oauth2/end_session"
    )
    asked = dict(parse_qsl(address.query))
    assert asked["client_id"] == CLIENT_ID
    assert asked["post_logout_redirect_uri"] == f"http://testserver{SIGN_IN}"
    assert asked["id_token_hint"].count(".") == 2
    assert requests.get(leads_to(answer), timeout=10).status_code == 200


def test_signing_out_of_cognito_takes_its_own_parameters(
    provider: OidcProvider, settings: Any
) -> None:
    know(provider)
    client = Client()
    come_in(client)
    settings.EASEL_OIDC_ISSUER = "https://cognito-idp.ap-northeast-2.amazonaws.com/pool"
    settings.EASEL_OIDC_ENDPOINTS = {
        "authorization_endpoint": "https://easel.auth.example.com/oauth2/authorize",
        "token_endpoint": "https://easel.auth.example.com/oauth2/token",
        "jwks_uri": "https://cognito-idp.example.com/pool/.well-known/jwks.json",
        "end_session_endpoint": "https://easel.auth.example.com/logout",
    }

    answer = client.post("/accounts/sign-out/")

    expected = urlencode({"client_id": CLIENT_ID, "logout_uri": f"http://testserver{SIGN_IN}"})
    assert leads_to(answer) == f"https://easel.auth.example.com/logout?{expected}"


def test_one_can_sign_out_while_the_provider_is_away(provider: OidcProvider, settings: Any) -> None:
    know(provider)
    client = Client()
    come_in(client)
    cache.clear()
    provider.stop()
    try:
        answer = client.post("/accounts/sign-out/")
    finally:
        provider.start()

    assert answer["Location"] == SIGN_IN
    assert not is_in(client)


def test_signing_out_everywhere_ends_sessions_that_have_no_password(
    provider: OidcProvider,
) -> None:
    know(provider)
    here, elsewhere = Client(), Client()
    come_in(here)
    come_in(elsewhere)

    here.post("/accounts/sign-out/everywhere/")

    assert not is_in(elsewhere)


# One way in ---------------------------------------------------------------------------


def test_with_a_provider_there_is_one_button_and_no_password(provider: OidcProvider) -> None:
    page = Client().get(SIGN_IN).content

    assert START.encode() in page
    assert b'type="password"' not in page
    assert b"sign-up" not in page


def test_with_a_provider_a_password_signs_nobody_in(provider: OidcProvider, user: User) -> None:
    client = Client()

    answer = client.post(SIGN_IN, {"username": user.email, "password": PASSWORD})

    assert answer.status_code == 404
    assert not is_in(client)


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/sign-up/",
        "/accounts/sign-up/sent/",
        "/accounts/confirm/a/b/",
        "/accounts/password/forgotten/",
        "/accounts/password/reset/a/b/",
        "/accounts/password/",
    ],
)
def test_with_a_provider_there_are_no_pages_about_passwords(
    provider: OidcProvider, path: str
) -> None:
    know(provider)
    client = Client()
    come_in(client)

    assert client.get(path).status_code == 404
    assert client.post(path, {"email": EMAIL, "password": PASSWORD}).status_code == 404


def test_a_session_begun_with_a_password_ends_when_a_provider_takes_over(
    user: User, request: pytest.FixtureRequest
) -> None:
    client = Client()
    client.post(SIGN_IN, {"username": user.email, "password": PASSWORD})
    assert is_in(client)

    request.getfixturevalue("provider")

    assert not is_in(client)


@pytest.mark.parametrize("path", [START, CALLBACK])
def test_without_a_provider_there_is_no_way_to_one(path: str) -> None:
    assert Client().get(path).status_code == 404
