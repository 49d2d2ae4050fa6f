"""Sign-in at a real provider on loopback: the way there and back, and what is forged on it."""

from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from apps.accounts.models import User
from apps.plans.models import Subscription
from tests.accounts.provider_visits import (
    CALLBACK,
    EMAIL,
    SIGN_IN,
    START,
    SUBJECT,
    authorize,
    come_in,
    is_in,
    know,
    refused,
    set_out,
)
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProvider

pytestmark = pytest.mark.django_db


def test_someone_new_signs_in_and_is_on_trial(provider: OidcProvider) -> None:
    know(provider)
    client = Client()

    answer = come_in(client)

    assert (answer.status_code, answer["Location"]) == (302, "/create/")
    assert is_in(client)
    user = User.objects.get()
    assert (user.email, user.name, user.oidc_subject) == (EMAIL, "Ada", SUBJECT)
    assert user.email_verified
    assert not user.has_usable_password()
    assert not user.is_staff
    assert [subscription.plan for subscription in Subscription.objects.all()] == ["trial"]


def test_the_same_subject_is_the_same_user_again(provider: OidcProvider) -> None:
    know(provider)
    come_in(Client())
    know(provider, email="ada.lovelace@example.com")

    come_in(Client())

    user = User.objects.get()
    assert user.email == "ada.lovelace@example.com"
    assert Subscription.objects.count() == 1


def test_the_request_carries_state_nonce_and_a_challenge(provider: OidcProvider) -> None:
    know(provider)
    client = Client()

    asked = {key: value[0] for key, value in parse_qs(urlsplit(set_out(client)).query).items()}

    assert asked["response_type"] == "code"
    assert asked["client_id"] == CLIENT_ID
    assert asked["redirect_uri"] == f"http://testserver{CALLBACK}"
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["state"]) >= 32
    assert len(asked["nonce"]) >= 32
    assert {"openid", "email"} <= set(asked["scope"].split())
    again = parse_qs(urlsplit(set_out(client)).query)
    assert again["state"][0] != asked["state"]

    come_in(client)
    exchanged = provider.requests_to("/oauth2/token")[-1]
    assert exchanged["client_secret"] == CLIENT_SECRET
    assert len(exchanged["code_verifier"]) >= 43


def test_one_comes_out_where_one_wanted_to_go_and_never_on_another_site(
    provider: OidcProvider,
) -> None:
    know(provider)

    page = Client().get(f"{SIGN_IN}?next=/gallery/").content
    assert f'href="{START}?next=%2Fgallery%2F"'.encode() in page
    assert come_in(Client(), path=f"{START}?next=/gallery/")["Location"] == "/gallery/"
    evil = come_in(Client(), path=f"{START}?next=https://evil.example/")
    assert evil["Location"] == "/create/"


def test_the_session_is_rotated(provider: OidcProvider) -> None:
    know(provider)
    client = Client()
    back = authorize(set_out(client))
    before = client.cookies["sessionid"].value

    client.get(back)

    assert client.cookies["sessionid"].value != before
    assert not Session.objects.filter(session_key=before).exists()
    again = client.cookies["sessionid"].value
    come_in(client)
    assert client.cookies["sessionid"].value != again


def test_the_log_of_requests_has_no_codes(
    provider: OidcProvider, caplog: pytest.LogCaptureFixture
) -> None:
    know(provider)
    client = Client()
    back = authorize(set_out(client))
    caplog.clear()

    client.get(back)

    code = parse_qs(urlsplit(back).query)["code"][0]
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("django")]
    assert any(CALLBACK in line for line in ours)
    assert not any(code in line for line in ours)


# What is refused -----------------------------------------------------------------


def test_an_answer_with_another_state_is_refused(provider: OidcProvider) -> None:
    know(provider)
    client = Client()
    back = urlsplit(authorize(set_out(client)))
    query = dict(parse_qsl(back.query)) | {"state": "a-state-of-someone-elses-choosing"}

    refused(client.get(f"{back.path}?{urlencode(query)}"), 400)

    assert not is_in(client)
    assert not User.objects.exists()
    assert provider.requests_to("/oauth2/token") == []


def test_an_answer_that_another_browser_asked_for_is_refused(provider: OidcProvider) -> None:
    know(provider)
    back = authorize(set_out(Client()))
    victim = Client()

    refused(victim.get(back), 400)

    assert not is_in(victim)
    assert not User.objects.exists()


def test_an_answer_counts_once(provider: OidcProvider) -> None:
    know(provider)
    client = Client()
    back = authorize(set_out(client))
    client.get(back)
    client.post("/accounts/sign-out/")

    refused(client.get(back), 400)

    assert not is_in(client)


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"nonce": "of another sign-in"}, id="nonce"),
        pytest.param({"aud": "another client"}, id="audience"),
        pytest.param({"aud": [CLIENT_ID, "another"], "azp": "another"}, id="authorized-party"),
        pytest.param({"iss": "http://127.0.0.1:1"}, id="issuer"),
        pytest.param({"exp": 1_500_000_000}, id="expired"),
        pytest.param({"iat": 4_000_000_000}, id="from-the-future"),
    ],
)
def test_a_token_that_is_not_for_this_sign_in_is_refused(
    provider: OidcProvider, claims: dict[str, Any]
) -> None:
    know(provider)
    provider.changed_claims = claims
    client = Client()

    refused(come_in(client), 400)

    assert not is_in(client)
    assert not User.objects.exists()


@pytest.mark.parametrize("claim", ["nonce", "aud", "iss", "exp", "sub"])
def test_a_token_that_lacks_a_claim_is_refused(provider: OidcProvider, claim: str) -> None:
    know(provider)
    provider.dropped_claims = {claim}
    client = Client()

    refused(come_in(client), 400)

    assert not User.objects.exists()


def test_a_token_signed_by_another_is_refused(provider: OidcProvider) -> None:
    know(provider)
    provider.signs_with_foreign_key = True
    client = Client()

    refused(come_in(client), 400)

    assert not is_in(client)
    assert not User.objects.exists()


def test_a_code_without_the_verifier_it_was_asked_for_with_is_refused(
    provider: OidcProvider,
) -> None:
    know(provider)
    client = Client()
    back = authorize(set_out(client))
    session = client.session
    for state in session["oidc_states"].values():
        state["code_verifier"] = "v" * 64
    session.save()

    refused(client.get(back), 400)

    assert not is_in(client)
    assert not User.objects.exists()


def test_someone_who_turns_back_at_the_provider_is_told_so(provider: OidcProvider) -> None:
    client = Client()
    state = parse_qs(urlsplit(set_out(client)).query)["state"][0]

    answer = client.get(f"{CALLBACK}?error=access_denied&state={state}", follow=True)

    assert answer.redirect_chain == [(SIGN_IN, 302)]
    assert b"You did not finish signing in." in answer.content
    assert not is_in(client)


def test_a_forged_error_signs_nobody_out(provider: OidcProvider) -> None:
    know(provider)
    client = Client()
    come_in(client)

    refused(client.get(f"{CALLBACK}?error=access_denied&state=forged"), 400)

    assert is_in(client)
