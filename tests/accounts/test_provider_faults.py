"""The provider changes its keys, is away, or answers nonsense."""

from typing import Any

import pytest
from django.test import Client

from apps.accounts.health import check_mail, check_sign_in
from apps.accounts.models import User
from tests.accounts.provider_visits import (
    START,
    authorize,
    come_in,
    is_in,
    know,
    refused,
    set_out,
)
from tests.oidc_provider import OidcProvider

pytestmark = pytest.mark.django_db


def test_keys_are_kept_and_a_new_one_is_fetched(provider: OidcProvider) -> None:
    know(provider)
    come_in(Client())
    come_in(Client())
    assert len(provider.requests_to("/jwks")) == 1
    assert len(provider.requests_to("/.well-known/openid-configuration")) == 1

    provider.roll_over()
    client = Client()
    come_in(client)

    assert is_in(client)
    assert len(provider.requests_to("/jwks")) == 2


def test_an_issuer_may_end_with_a_stroke(provider: OidcProvider, settings: Any) -> None:
    settings.EASEL_OIDC_ISSUER = f"{provider.issuer}/"
    know(provider)
    client = Client()

    come_in(client)

    assert is_in(client)


def test_a_provider_that_is_away_is_said_so(provider: OidcProvider) -> None:
    provider.stop()
    try:
        answer = Client().get(START)
    finally:
        provider.start()

    refused(answer, 503)
    assert b"does not answer" in answer.content
    assert answer["Retry-After"] == "60"


def test_a_provider_that_goes_away_on_the_way_is_said_so(
    provider: OidcProvider, caplog: pytest.LogCaptureFixture
) -> None:
    know(provider)
    client = Client()
    back = authorize(set_out(client))
    provider.stop()
    try:
        answer = client.get(back)
    finally:
        provider.start()

    assert refused(answer, 503) in caplog.text
    assert not is_in(client)
    assert not User.objects.exists()
    come_in(client)
    assert is_in(client)


def test_a_provider_that_takes_too_long_is_not_waited_for(
    provider: OidcProvider, settings: Any
) -> None:
    settings.OIDC_TIMEOUT = 0.2
    provider.delay_seconds = 1.0

    refused(Client().get(START), 503)


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/.well-known/openid-configuration", 500, ""),
        ("/.well-known/openid-configuration", 200, "<html>"),
        ("/.well-known/openid-configuration", 200, "[]"),
        ("/.well-known/openid-configuration", 200, '{"issuer": "https://other.example"}'),
    ],
)
def test_a_discovery_document_that_is_none_is_our_fault(
    provider: OidcProvider, path: str, status: int, body: str
) -> None:
    provider.answers_with[path] = (status, body)

    refused(Client().get(START), 503)


@pytest.mark.parametrize(
    ("path", "status", "body", "expected"),
    [
        ("/oauth2/token", 500, "", 503),
        ("/oauth2/token", 200, "<html>", 503),
        ("/oauth2/token", 200, "[]", 503),
        ("/oauth2/token", 200, '{"access_token": "no id token"}', 503),
        ("/oauth2/token", 401, '{"error": "invalid_client"}', 503),
        ("/oauth2/token", 400, '{"error": "invalid_grant"}', 400),
        ("/oauth2/token", 200, '{"id_token": "a.b.c"}', 400),
        ("/jwks", 500, "", 503),
        ("/jwks", 200, '{"keys": 1}', 503),
        ("/jwks", 200, '{"keys": []}', 400),
    ],
)
def test_what_breaks_on_the_way_is_a_page_and_no_session(
    provider: OidcProvider, path: str, status: int, body: str, expected: int
) -> None:
    know(provider)
    client = Client()
    back = authorize(set_out(client))
    provider.answers_with[path] = (status, body)

    refused(client.get(back), expected)

    assert not is_in(client)
    assert not User.objects.exists()


def test_a_session_needs_no_provider(provider: OidcProvider) -> None:
    know(provider)
    client = Client()
    come_in(client)
    asked = len(provider.seen)

    assert is_in(client)
    assert len(provider.seen) == asked


def test_addresses_that_are_set_are_not_asked_for(provider: OidcProvider, settings: Any) -> None:
    know(provider)
    settings.EASEL_OIDC_ENDPOINTS = {
        "authorization_endpoint": f"{provider.issuer}/oauth2/authorize",
        "token_endpoint": f"{provider.issuer}/oauth2/token",
        "jwks_uri": f"{provider.issuer}/jwks",
    }
    client = Client()

    come_in(client)

    assert is_in(client)
    assert provider.requests_to("/.well-known/openid-configuration") == []


def test_the_doctor_looks_at_the_provider(provider: OidcProvider) -> None:
    well = check_sign_in()
    provider.stop()
    try:
        away = check_sign_in()
    finally:
        provider.start()

    assert (well.ok, away.ok) == (True, False)
    assert f"at {provider.issuer}, 1 keys" in well.found
    assert "EASEL_OIDC_ISSUER" in away.advice


def test_the_doctor_looks_at_the_mail_server(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    check = check_mail()

    assert not check.ok
    assert "EASEL_EMAIL_HOST" in check.advice
