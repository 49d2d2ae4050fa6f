"""The page of API keys: list, make, show once, revoke."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.credentials import SESSION
from apps.accounts.models import ApiKey, Scope, User
from apps.accounts.services import keys
from apps.accounts.services.keys import create_key
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from tests.factories import usable_key
from tests.queries import counted_queries

URL = "/keys/"
FORM = {"name": "build server", "scopes": ["read", "generate"], "lifetime": "30"}


def new_key(user: User, name: str = "a key") -> tuple[ApiKey, str]:
    return create_key(user=user, granter=SESSION, name=name, scopes=[Scope.READ])


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_visitor_is_sent_to_sign_in(db: None, method: str) -> None:
    response = getattr(Client(), method)(URL)

    assert response.status_code == 302
    assert response["Location"] == "/accounts/sign-in/?next=/keys/"


def test_a_key_is_made_and_its_secret_shown_on_that_answer_alone(
    browser_client: Client, user: User
) -> None:
    response = browser_client.post(URL, FORM)

    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    secret = response.context["secret"]
    assert secret in response.content.decode()
    key = usable_key(secret)
    assert key is not None
    assert (key.user, key.name, key.scopes) == (user, "build server", ["generate", "read"])
    assert key.expires_at is not None
    assert (key.expires_at - timezone.now()).days in (29, 30)
    assert key.monthly_credit_cap is None

    again = browser_client.get(URL).content.decode()
    assert secret not in again
    assert "build server" in again
    assert key.hint in again


def test_a_key_may_have_no_end_and_a_cap(browser_client: Client) -> None:
    browser_client.post(URL, FORM | {"lifetime": "", "monthly_credit_cap": "500"})

    key = ApiKey.objects.get()
    assert (key.expires_at, key.monthly_credit_cap) == (None, 500)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["all"]}, "scopes"),
        ({"lifetime": "7"}, "lifetime"),
        ({"monthly_credit_cap": "0"}, "monthly_credit_cap"),
        ({"monthly_credit_cap": "many"}, "monthly_credit_cap"),
    ],
)
def test_a_bad_form_is_shown_again_and_makes_nothing(
    browser_client: Client, change: dict[str, Any], field: str
) -> None:
    response = browser_client.post(URL, FORM | change)

    assert response.status_code == 422
    assert set(response.context["form"].errors) == {field}
    assert not ApiKey.objects.exists()


def test_the_limit_to_keys_is_told_on_the_page(
    browser_client: Client, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "MAX_KEYS", 1)
    new_key(user)

    response = browser_client.post(URL, FORM)

    assert response.status_code == 422
    assert "too many keys" in response.content.decode()
    assert ApiKey.objects.count() == 1


def test_a_form_without_its_token_makes_no_key(user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)

    assert client.post(URL, FORM).status_code == 403
    assert not ApiKey.objects.exists()


def test_revoking_ends_the_key_and_leads_back(browser_client: Client, user: User) -> None:
    key, secret = new_key(user)

    response = browser_client.post(f"/keys/{key.id}/revoke/")

    assert (response.status_code, response["Location"]) == (302, URL)
    assert usable_key(secret) is None
    assert browser_client.post(f"/keys/{key.id}/revoke/").status_code == 404
    assert browser_client.get(f"/keys/{key.id}/revoke/").status_code == 405


def test_a_stranger_sees_and_revokes_nothing(browser_client: Client, stranger: User) -> None:
    key, secret = new_key(stranger, "their key")

    assert "their key" not in browser_client.get(URL).content.decode()
    assert browser_client.post(f"/keys/{key.id}/revoke/").status_code == 404
    assert usable_key(secret) == key


def test_the_page_says_when_the_plan_has_no_api_access(browser_client: Client, user: User) -> None:
    notice = "Your plan has no API access"

    assert notice in browser_client.get(URL).content.decode()
    start_subscription(user=user, plan=PLANS["pro"])
    assert notice not in browser_client.get(URL).content.decode()


@pytest.mark.parametrize("count", [0, 1, 20])
def test_the_page_asks_the_same_however_many_keys_there_are(
    browser_client: Client, user: User, count: int
) -> None:
    for _number in range(count):
        new_key(user)

    with counted_queries() as queries:
        response = browser_client.get(URL)
    # The tenant, who is signed in, the plan, the keys, and for the cache plan and balance.
    assert len(queries) == 6

    assert response.content.decode().count("data-revoke") == count


def test_a_name_is_text_whatever_it_holds(browser_client: Client, user: User) -> None:
    new_key(user, "<script>alert(1)</script>")

    assert "<script>alert" not in browser_client.get(URL).content.decode()
