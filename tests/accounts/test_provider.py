"""Sign-in at a real provider on loopback, with a plain HTTP client in the browser's place."""

import re
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import requests
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client

from apps.accounts.health import check_mail, check_sign_in
from apps.accounts.models import User
from apps.plans.models import Subscription
from tests.factories import PASSWORD, make_user
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, STAFF_GROUP, OidcProvider

SIGN_IN = "/accounts/sign-in/"
START = "/accounts/oidc/start/"
CALLBACK = "/accounts/oidc/callback/"
SUBJECT = "11111111-aaaa-bbbb-cccc-222222222222"
EMAIL = "ada@example.com"

pytestmark = pytest.mark.django_db


def set_out(client: Client, *, path: str = START) -> str:
    """Begin at `path` and return the provider's address that the browser is sent to."""
    answer = client.get(path)
    assert answer.status_code == 302, answer.content
    return str(answer["Location"])


def authorize(address: str, *, subject: str = SUBJECT) -> str:
    """Sign in at the provider and return the path that it sends the browser back to."""
    answer = requests.post(address, data={"sub": subject}, allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["Location"])
    assert back.path == CALLBACK
    return f"{back.path}?{back.query}"


def come_in(client: Client, *, path: str = START, subject: str = SUBJECT) -> Any:
    """Go the whole way and return the answer to the callback."""
    return client.get(authorize(set_out(client, path=path), subject=subject))


def is_in(client: Client) -> bool:
    return client.get("/api/v1/images").status_code == 200


def know(provider: OidcProvider, **claims: Any) -> None:
    provider.put_user(SUBJECT, **{"email": EMAIL, "email_verified": True, "name": "Ada", **claims})


def refused(answer: Any, status: int) -> str:
    """Check that `answer` is a page that says what to do, and return its error id."""
    assert answer.status_code == status
    page = answer.content.decode()
    assert "Traceback" not in page
    assert f'href="{SIGN_IN}"' in page
    found = re.search(r"<code>([0-9a-f]{16})</code>", page)
    assert found is not None
    return found[1]


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


# Whose account it is ---------------------------------------------------------------


def test_a_confirmed_local_account_is_linked(provider: OidcProvider) -> None:
    user = make_user("ADA@example.com", name="Countess")
    know(provider)

    come_in(Client())

    linked = User.objects.get()
    assert (linked.pk, linked.oidc_subject, linked.name) == (user.pk, SUBJECT, "Countess")
    assert not Subscription.objects.exists()


@pytest.mark.parametrize("verified", [False, "false", None, "yes", 1.5])
def test_an_address_the_provider_did_not_confirm_opens_nothing(
    provider: OidcProvider, verified: Any
) -> None:
    make_user(EMAIL)
    know(provider, email_verified=verified)
    client = Client()

    answer = come_in(client)

    refused(answer, 403)
    assert b"Your e-mail is not confirmed yet" in answer.content
    assert not is_in(client)
    assert User.objects.get().oidc_subject is None


def test_an_unconfirmed_address_makes_no_account_either(provider: OidcProvider) -> None:
    know(provider, email_verified=False)

    refused(come_in(Client()), 403)

    assert not User.objects.exists()


def test_a_local_account_nobody_confirmed_is_not_linked(provider: OidcProvider) -> None:
    make_user(EMAIL, email_verified=False)
    know(provider)
    client = Client()

    refused(come_in(client), 403)

    user = User.objects.get()
    assert (user.oidc_subject, user.email_verified) == (None, False)
    assert not is_in(client)


def test_an_account_of_another_subject_is_not_taken_over(provider: OidcProvider) -> None:
    make_user(EMAIL, oidc_subject="someone-else")
    know(provider)

    refused(come_in(Client()), 403)

    assert User.objects.get().oidc_subject == "someone-else"


def test_an_address_of_another_account_does_not_move(provider: OidcProvider) -> None:
    know(provider)
    come_in(Client())
    make_user("taken@example.com")
    know(provider, email="taken@example.com")

    client = Client()
    come_in(client)

    assert is_in(client)
    assert User.objects.get(oidc_subject=SUBJECT).email == EMAIL


def test_an_unconfirmed_change_of_address_is_not_followed(provider: OidcProvider) -> None:
    know(provider)
    come_in(Client())
    know(provider, email="unproved@example.com", email_verified=False)

    come_in(Client())

    assert User.objects.get().email == EMAIL


def test_an_address_that_only_looks_like_another_is_not_linked(provider: OidcProvider) -> None:
    user = make_user("kim@example.com")
    know(provider, email="kım@example.com")

    come_in(Client())

    user.refresh_from_db()
    assert user.oidc_subject is None


def test_a_blocked_account_stays_out(provider: OidcProvider) -> None:
    make_user(EMAIL, oidc_subject=SUBJECT, is_active=False)
    know(provider)
    client = Client()

    refused(come_in(client), 403)

    assert not is_in(client)


def test_the_userinfo_completes_a_token_without_an_address(provider: OidcProvider) -> None:
    know(provider)
    provider.dropped_claims = {"email", "email_verified"}
    provider.answers_with["/userinfo"] = (
        200,
        f'{{"sub": "{SUBJECT}", "email": "{EMAIL}", "email_verified": "true"}}',
    )
    client = Client()

    come_in(client)

    assert is_in(client)
    assert User.objects.get().email == EMAIL


def test_userinfo_about_another_is_refused(provider: OidcProvider) -> None:
    know(provider)
    provider.dropped_claims = {"email"}
    provider.answers_with["/userinfo"] = (
        200,
        f'{{"sub": "another", "email": "{EMAIL}", "email_verified": true}}',
    )

    refused(come_in(Client()), 400)

    assert not User.objects.exists()


def test_the_group_makes_staff_and_its_end_unmakes_it(provider: OidcProvider) -> None:
    know(provider, cognito_groups=["painters", STAFF_GROUP])
    client = Client()
    come_in(client)
    assert User.objects.get().is_staff
    assert client.get("/admin/").status_code == 200
    assert client.session.get_expiry_age() <= 8 * 3600

    know(provider, cognito_groups=["painters"])
    come_in(client)
    assert not User.objects.get().is_staff
    assert client.get("/admin/", follow=True).status_code == 403

    know(provider, cognito_groups=[STAFF_GROUP])
    come_in(client)
    know(provider)
    come_in(client)
    assert not User.objects.get().is_staff


def test_a_superuser_without_the_group_keeps_no_rights(provider: OidcProvider) -> None:
    make_user(EMAIL, is_staff=True, is_superuser=True)
    know(provider)

    come_in(Client())

    user = User.objects.get()
    assert (user.is_staff, user.is_superuser) == (False, False)


def test_without_a_group_setting_staff_is_left_alone(provider: OidcProvider, settings: Any) -> None:
    settings.EASEL_OIDC_STAFF_GROUP = None
    make_user(EMAIL, is_staff=True)
    know(provider, cognito_groups=[])

    come_in(Client())

    assert User.objects.get().is_staff


# The provider changes or is away ------------------------------------------------------


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


# Signing out -------------------------------------------------------------------------


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
