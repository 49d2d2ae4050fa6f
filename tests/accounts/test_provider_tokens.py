"""Tokens of the provider: each way to be wrong is refused, and keys are asked for with care."""

import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from rest_framework.test import APIClient

from apps.accounts import provider_keys
from apps.accounts.models import User
from apps.accounts.provider_keys import ProviderKeys, ProviderUnavailable
from apps.core.errors import ErrorCode
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from tests.accounts.provider import (
    CLIENT_ID,
    DISCOVERY,
    JWKS,
    Provider,
    forge,
    public_jwk,
    rsa_key,
    running_provider,
    sign,
)
from tests.queries import counted_queries

SUBJECT = "0a1b-subject"
URL = "/api/v1/images"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    with running_provider() as provider:
        settings.EASEL_OIDC_ISSUER = provider.issuer
        settings.EASEL_OIDC_CLIENT_ID = CLIENT_ID
        settings.EASEL_OIDC_ENDPOINTS = {"jwks_uri": None}
        yield provider
        provider_keys.provider_keys.cache_clear()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(provider: Provider, clock: Clock) -> ProviderKeys:
    return ProviderKeys(issuer=provider.issuer, jwks_uri=None, clock=clock)


@pytest.fixture
def member(user: User) -> User:
    user.oidc_subject = SUBJECT
    user.save()
    start_subscription(user=user, plan=PLANS["pro"])
    return user


def get(token: str) -> Any:
    return APIClient().get(URL, HTTP_AUTHORIZATION=f"Bearer {token}")


def test_access_and_id_tokens_of_our_client_are_taken(provider: Provider, member: User) -> None:
    assert get(provider.access_token(SUBJECT)).status_code == 200
    assert get(provider.id_token(SUBJECT)).status_code == 200
    assert get(provider.id_token(SUBJECT, aud=[CLIENT_ID])).status_code == 200


def test_keys_are_fetched_once_for_many_tokens(provider: Provider, member: User) -> None:
    for known in (False, True, True):
        with counted_queries() as queries:
            assert get(provider.access_token(SUBJECT)).status_code == 200
        # Whose, the tenant, the user, the plan once, the pictures.
        assert len(queries) == (4 if known else 5)

    assert provider.asked == {DISCOVERY: 1, JWKS: 1}


def test_the_address_of_the_keys_may_be_a_setting(
    provider: Provider, member: User, settings: Any
) -> None:
    settings.EASEL_OIDC_ENDPOINTS = {"jwks_uri": provider.issuer + JWKS}

    assert get(provider.access_token(SUBJECT)).status_code == 200
    assert provider.asked == {JWKS: 1}


NOW = time.time()


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"sub": None},
        {"sub": 7},
        {"client_id": "another"},
        {"client_id": None},
        {"client_id": None, "aud": CLIENT_ID},
        {"token_use": "id"},
        {"token_use": "id", "aud": "another"},
        {"token_use": "id", "aud": [CLIENT_ID, "another"]},
        {"token_use": "refresh"},
        {"token_use": None},
        {"exp": int(NOW) - 60},
        {"exp": None},
        {"exp": "never"},
        {"nbf": int(NOW) + 3600},
        {"iat": int(NOW) + 3600},
        {"iat": None},
    ],
)
def test_a_token_with_a_wrong_claim_is_refused(
    provider: Provider, member: User, changes: dict[str, Any]
) -> None:
    assert_refused(provider.access_token(SUBJECT, **changes))


def signed_by_another_key(provider: Provider) -> str:
    return sign(provider.claims(SUBJECT), key="evil", key_id="first")


def without_signature(provider: Provider) -> str:
    return forge({"alg": "none", "kid": "first"}, provider.claims(SUBJECT))


def with_its_signature_cut(provider: Provider) -> str:
    return provider.access_token(SUBJECT).rpartition(".")[0] + "."


def with_the_public_key_as_a_secret(provider: Provider) -> str:
    pem = (
        rsa_key("first").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    header = {"alg": "HS256", "kid": "first"}
    unsigned = forge(header, provider.claims(SUBJECT)).rpartition(".")[0]
    return forge(
        header,
        provider.claims(SUBJECT),
        hmac.new(pem, unsigned.encode(), hashlib.sha256).digest(),
    )


def naming_keys_of_its_own(provider: Provider) -> str:
    claims = provider.claims(SUBJECT)
    return sign(claims, key="evil", jku="https://evil.example/", jwk=public_jwk("evil"))


def without_a_key_id(provider: Provider) -> str:
    return forge({"alg": "RS256"}, provider.claims(SUBJECT))


def no_token_at_all(provider: Provider) -> str:
    return "a.b.c"


def too_long(provider: Provider) -> str:
    return provider.access_token(SUBJECT, more="x" * 10_000)


@pytest.mark.parametrize(
    "make",
    [
        signed_by_another_key,
        without_signature,
        with_its_signature_cut,
        with_the_public_key_as_a_secret,
        naming_keys_of_its_own,
        without_a_key_id,
        no_token_at_all,
        too_long,
    ],
)
def test_a_forged_token_is_refused(
    provider: Provider, member: User, make: Callable[[Provider], str]
) -> None:
    assert get(provider.access_token(SUBJECT)).status_code == 200

    assert_refused(make(provider))


def test_a_token_of_nobody_here_is_refused(provider: Provider, member: User) -> None:
    assert_refused(provider.access_token("somebody else"))


def test_a_token_of_a_deactivated_user_is_refused(provider: Provider, member: User) -> None:
    User.objects.update(is_active=False)

    assert_refused(provider.access_token(SUBJECT))


def test_without_a_provider_every_token_is_refused(
    provider: Provider, member: User, settings: Any
) -> None:
    settings.EASEL_OIDC_ISSUER = None

    assert_refused(provider.access_token(SUBJECT))
    assert not provider.asked


def test_tokens_are_refused_on_plans_without_api_access(provider: Provider, user: User) -> None:
    User.objects.update(oidc_subject=SUBJECT)

    response = get(provider.access_token(SUBJECT))

    assert response.status_code == 403
    assert response.json()["code"] == ErrorCode.API_ACCESS


def test_a_new_key_of_the_provider_is_taken_after_one_question(
    provider: Provider, keys: ProviderKeys, clock: Clock
) -> None:
    assert keys.find("first") is not None
    provider.keys = [public_jwk("second")]
    clock.now += 60

    assert keys.find("second") is not None
    assert keys.find("second") is not None
    assert keys.find("first") is None
    assert provider.asked[JWKS] == 2


def test_invented_key_ids_make_us_ask_no_more_than_twice_a_minute(
    provider: Provider, keys: ProviderKeys, clock: Clock
) -> None:
    keys.find("first")
    clock.now += 31

    for number in range(50):
        assert keys.find(f"invented {number}") is None
    assert provider.asked[JWKS] == 2

    clock.now += 31
    assert keys.find("invented") is None
    assert provider.asked[JWKS] == 3


def test_many_threads_that_meet_a_new_key_ask_once(
    provider: Provider, keys: ProviderKeys, clock: Clock
) -> None:
    keys.find("first")
    provider.keys = [public_jwk("second")]
    clock.now += 60

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(keys.find, ["second"] * 8))

    assert None not in found
    assert provider.asked[JWKS] == 2


def test_a_withdrawn_key_is_forgotten_when_the_keys_are_renewed(
    provider: Provider, keys: ProviderKeys, clock: Clock
) -> None:
    keys.find("first")
    provider.keys = [public_jwk("second")]
    clock.now += provider_keys.FRESH_SECONDS

    keys.find("first")  # renews in passing
    assert keys.find("first") is None


def test_cached_keys_work_while_the_provider_is_away_but_not_for_ever(
    provider: Provider, keys: ProviderKeys, clock: Clock
) -> None:
    keys.find("first")
    provider.down = True
    clock.now += provider_keys.FRESH_SECONDS

    assert keys.find("first") is not None
    assert keys.find("first") is not None
    assert provider.asked[JWKS] == 2
    with pytest.raises(ProviderUnavailable):
        keys.find("unknown")

    clock.now += provider_keys.USABLE_SECONDS
    with pytest.raises(ProviderUnavailable):
        keys.find("first")
    provider.down = False
    clock.now += provider_keys.PAUSE_AFTER_FAILURE_SECONDS
    assert keys.find("first") is not None


def test_a_provider_that_is_away_is_our_fault_and_said_so(provider: Provider, member: User) -> None:
    provider.down = True

    for _number in range(3):
        response = get(provider.access_token(SUBJECT))
        assert response.status_code == 503
        assert response.json()["code"] == "provider_unavailable"
    assert provider.asked == {DISCOVERY: 1}


def test_a_provider_that_cannot_be_reached_is_unavailable(clock: Clock) -> None:
    keys = ProviderKeys(issuer="http://127.0.0.1:1", jwks_uri=None, clock=clock)

    with pytest.raises(ProviderUnavailable):
        keys.find("first")


def test_a_discovery_document_of_another_issuer_is_not_believed(
    provider: Provider, clock: Clock
) -> None:
    keys = ProviderKeys(issuer=provider.issuer + "/", jwks_uri=None, clock=clock)

    with pytest.raises(ProviderUnavailable):
        keys.find("first")


@pytest.mark.parametrize(
    "listed",
    [
        [],
        [{}],
        ["first"],
        [public_jwk("first", use="enc")],
        [public_jwk("first", alg="PS256")],
        [{"kty": "oct", "kid": "first", "k": "AAAA"}],
        [{"kty": "RSA", "kid": "first"}],
    ],
)
def test_keys_that_are_not_for_us_are_left_out(
    provider: Provider, keys: ProviderKeys, listed: list[Any]
) -> None:
    provider.keys = listed

    with pytest.raises(ProviderUnavailable):
        keys.find("first")


def test_short_keys_are_left_out(provider: Provider, keys: ProviderKeys) -> None:
    from jwt.algorithms import RSAAlgorithm

    short = RSAAlgorithm.to_jwk(rsa_key("short", 1024).public_key(), as_dict=True)
    provider.keys = [short | {"kid": "short"}, public_jwk("first")]

    assert keys.find("short") is None
    assert keys.find("first") is not None


def assert_refused(token: str) -> None:
    response = get(token)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert response.json()["code"] == ErrorCode.INVALID_TOKEN
    assert "Sign in again" in response.json()["detail"]
