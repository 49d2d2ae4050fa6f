"""API keys: told once, kept as a hash, revoked at once, and never more than who made them."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.credentials import SESSION
from apps.accounts.key_secrets import digest_of
from apps.accounts.models import ApiKey, Scope, User
from apps.accounts.services import keys
from apps.accounts.services.keys import create_key, note_use, revoke_key
from apps.accounts.services.users import ensure_administrator
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from tests.factories import PASSWORD, usable_key
from tests.queries import counted_queries

URL = "/api/v1/keys"
REQUEST = {"name": "build server", "scopes": ["read", "generate"]}


@pytest.fixture
def pro_user(user: User) -> User:
    start_subscription(user=user, plan=PLANS["pro"])
    return user


def make_key(user: User, *scopes: Scope, **settings: Any) -> tuple[ApiKey, str]:
    return create_key(
        user=user, granter=SESSION, name="a key", scopes=scopes or tuple(Scope), **settings
    )


def client_with(secret: str, scheme: str = "Bearer") -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"{scheme} {secret}")
    return client


def test_a_secret_is_told_once_and_only_its_hash_is_kept(api: APIClient, user: User) -> None:
    response = api.post(URL, REQUEST, format="json")

    assert response.status_code == 201
    made = response.json()
    secret = made.pop("secret")
    assert secret.startswith("ek_")
    assert len(secret) == 46
    key = ApiKey.objects.get()
    assert (key.user, key.name, key.digest) == (user, "build server", digest_of(secret))
    assert secret not in str(ApiKey.objects.values())
    assert made["hint"] == secret[:8]
    assert made["scopes"] == ["generate", "read"]
    assert response["Location"] == f"{URL}/{key.id}"
    assert "no-store" in response["Cache-Control"]
    assert api.get(URL).json() == {"results": [made]}
    assert api.get(response["Location"]).json() == made


def test_two_secrets_are_never_alike(user: User) -> None:
    assert make_key(user)[1] != make_key(user)[1]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes.0"),
        ({"scopes": "read"}, "scopes"),
        ({"scopes": ["read"] * 4}, "scopes"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "soon"}, "expires_at"),
        ({"monthly_credit_cap": 0}, "monthly_credit_cap"),
        ({"monthly_credit_cap": 2**31}, "monthly_credit_cap"),
    ],
)
def test_a_bad_request_makes_no_key(api: APIClient, change: dict[str, Any], field: str) -> None:
    response = api.post(URL, REQUEST | change, format="json")

    assert response.status_code == 422
    assert response.json()["invalid_fields"] == [field]
    assert not ApiKey.objects.exists()


def test_a_key_authenticates_its_owner(pro_user: User) -> None:
    key, secret = make_key(pro_user)
    note_use(key=key)
    client = client_with(secret)

    with counted_queries() as queries:
        response = client.get("/api/v1/images")
    assert len(queries) == 4  # whose key, key and user, the plan, the pictures
    assert response.status_code == 200

    with counted_queries() as queries:
        client.get("/api/v1/images")
    assert len(queries) == 3  # the plan is known by now


def test_the_scheme_may_be_written_in_any_case(pro_user: User) -> None:
    assert client_with(make_key(pro_user)[1], "bEaReR").get("/api/v1/images").status_code == 200


def test_use_is_written_down_at_most_once_a_minute(pro_user: User) -> None:
    _key, secret = make_key(pro_user)

    client_with(secret).get("/api/v1/images")
    first = ApiKey.objects.get().last_used_at
    assert first is not None
    with counted_queries() as queries:
        client_with(secret).get("/api/v1/images")
    assert len(queries) == 3

    long_ago = timezone.now() - timedelta(seconds=61)
    ApiKey.objects.update(last_used_at=long_ago)
    client_with(secret).get("/api/v1/images")
    last = ApiKey.objects.get().last_used_at
    assert last is not None
    assert last > first


def revoked(key: ApiKey, secret: str) -> str:
    revoke_key(user=key.user, key_id=key.id)
    return secret


def expired(key: ApiKey, secret: str) -> str:
    ApiKey.objects.update(expires_at=timezone.now())
    return secret


def of_somebody_inactive(key: ApiKey, secret: str) -> str:
    User.objects.update(is_active=False)
    return secret


def changed(key: ApiKey, secret: str) -> str:
    return secret[:-1] + ("A" if secret[-1] != "A" else "B")


def cut(key: ApiKey, secret: str) -> str:
    return secret[:-1]


@pytest.mark.parametrize(
    "spoil", [revoked, expired, of_somebody_inactive, changed, cut, lambda *_: "ek_", lambda *_: ""]
)
def test_keys_that_are_no_good_all_answer_alike(
    pro_user: User, spoil: Callable[[ApiKey, str], str]
) -> None:
    secret = spoil(*make_key(pro_user))

    response = client_with(secret).get("/api/v1/images")

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    body = response.json()
    assert body["code"] == "invalid_token"
    assert "Make a new" in body["detail"]
    assert set(body) == {"detail", "code", "error_id"}
    if secret:
        assert secret not in response.content.decode()


def test_the_hash_itself_is_no_key(pro_user: User) -> None:
    key, _secret = make_key(pro_user)

    assert client_with(key.digest).get("/api/v1/images").status_code == 401
    assert usable_key(f"ek_{key.digest}") is None


def test_without_any_credential_both_ways_in_are_named(db: None) -> None:
    response = APIClient().get("/api/v1/images")

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Session, Bearer"
    assert response.json()["code"] == "not_authenticated"


def test_a_bad_key_is_not_mended_by_a_good_session(api: APIClient) -> None:
    response = api.get("/api/v1/images", HTTP_AUTHORIZATION="Bearer ek_wrong")

    assert response.status_code == 401


def test_a_key_needs_no_csrf_token(pro_user: User) -> None:
    _key, secret = make_key(pro_user)
    client = APIClient(enforce_csrf_checks=True)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")

    assert client.post(URL, REQUEST, format="json").status_code == 201


@pytest.mark.parametrize("plan", [plan for plan in PLANS.values() if not plan.api])
def test_keys_are_refused_on_plans_without_api_access(user: User, plan: Any) -> None:
    start_subscription(user=user, plan=plan)
    _key, secret = make_key(user)

    response = client_with(secret).get("/api/v1/images")

    assert response.status_code == 403
    body = response.json()
    assert (body["code"], body["plan"]) == ("api_access", plan.slug)
    assert body["smallest_plan"] == "pro"
    assert "Pro" in body["detail"]


@pytest.mark.parametrize("plan", [plan for plan in PLANS.values() if plan.api])
def test_keys_are_admitted_on_plans_with_api_access(user: User, plan: Any) -> None:
    start_subscription(user=user, plan=plan)
    _key, secret = make_key(user)

    assert client_with(secret).get("/api/v1/images").status_code == 200


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_a_stranger_finds_no_key_and_changes_nothing(
    user: User, stranger_api: APIClient, method: str
) -> None:
    key, secret = make_key(user)

    response = getattr(stranger_api, method)(f"{URL}/{key.id}", {"name": "mine"}, format="json")

    assert response.status_code == 404
    assert stranger_api.get(URL).json() == {"results": []}
    key.refresh_from_db()
    assert (key.name, key.revoked_at) == ("a key", None)
    assert usable_key(secret) == key


def test_a_revoked_key_is_gone_at_once_and_for_ever(api: APIClient, pro_user: User) -> None:
    key, secret = make_key(pro_user)
    client = client_with(secret)
    assert client.get("/api/v1/images").status_code == 200

    assert api.delete(f"{URL}/{key.id}").status_code == 204

    assert client.get("/api/v1/images").status_code == 401
    assert api.get(URL).json() == {"results": []}
    assert api.delete(f"{URL}/{key.id}").status_code == 404
    assert api.patch(f"{URL}/{key.id}", {"name": "x"}, format="json").status_code == 404


def test_name_scopes_and_cap_can_be_changed(api: APIClient, user: User) -> None:
    key, secret = make_key(user, Scope.READ, monthly_credit_cap=5)
    url = f"{URL}/{key.id}"

    response = api.patch(url, {"name": "new", "scopes": ["manage", "read"]}, format="json")
    assert response.status_code == 200
    assert (response.json()["name"], response.json()["scopes"]) == ("new", ["manage", "read"])
    assert response.json()["monthly_credit_cap"] == 5

    assert api.patch(url, {"monthly_credit_cap": None}, format="json").status_code == 200
    key.refresh_from_db()
    assert (key.name, key.monthly_credit_cap) == ("new", None)
    assert usable_key(secret) == key


def test_what_a_key_is_cannot_be_changed(api: APIClient, user: User) -> None:
    key, _secret = make_key(user)
    before = ApiKey.objects.values("digest", "hint", "expires_at", "user_id").get()

    api.patch(
        f"{URL}/{key.id}",
        {"digest": "0", "hint": "x", "expires_at": None, "user": str(uuid.uuid4())},
        format="json",
    )

    assert ApiKey.objects.values("digest", "hint", "expires_at", "user_id").get() == before


def test_a_key_passes_on_no_scope_that_it_lacks(pro_user: User) -> None:
    key, secret = make_key(pro_user, Scope.MANAGE, Scope.READ)
    client = client_with(secret)

    made = client.post(URL, REQUEST, format="json")
    grown = client.patch(f"{URL}/{key.id}", {"scopes": ["generate", "manage"]}, format="json")

    for response in (made, grown):
        assert response.status_code == 403
        assert response.json()["code"] == "insufficient_scope"
        assert response.json()["required"] == "generate"
    assert ApiKey.objects.get().scopes == ["manage", "read"]


def test_a_key_may_pass_on_what_it_has_and_leave_others_what_they_had(pro_user: User) -> None:
    other, _secret = make_key(pro_user)
    _key, secret = make_key(pro_user, Scope.MANAGE, Scope.READ)
    client = client_with(secret)

    made = client.post(URL, {"name": "child", "scopes": ["read"]}, format="json")
    kept = client.patch(f"{URL}/{other.id}", {"scopes": ["generate", "read"]}, format="json")

    assert made.status_code == 201
    assert kept.status_code == 200


def test_a_key_made_by_a_key_does_not_outlive_it(pro_user: User) -> None:
    end = timezone.now() + timedelta(days=7)
    _key, secret = make_key(pro_user, expires_at=end)
    client = client_with(secret)
    later = (end + timedelta(days=1)).isoformat()
    sooner = end - timedelta(days=1)

    client.post(URL, REQUEST | {"name": "no end"}, format="json")
    client.post(URL, REQUEST | {"name": "later", "expires_at": later}, format="json")
    client.post(URL, REQUEST | {"name": "sooner", "expires_at": sooner.isoformat()}, format="json")

    ends = dict(ApiKey.objects.values_list("name", "expires_at"))
    assert (ends["no end"], ends["later"], ends["sooner"]) == (end, end, sooner)


def test_a_key_with_a_cap_can_neither_multiply_nor_lift_it(pro_user: User) -> None:
    key, secret = make_key(pro_user, monthly_credit_cap=10)
    client = client_with(secret)

    made = client.post(URL, REQUEST, format="json")
    lifted = client.patch(f"{URL}/{key.id}", {"monthly_credit_cap": None}, format="json")

    assert (made.status_code, lifted.status_code) == (403, 403)
    assert ApiKey.objects.get().monthly_credit_cap == 10


def test_there_is_a_limit_to_keys(
    api: APIClient, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "MAX_KEYS", 2)
    first, _secret = make_key(user)
    make_key(user)

    response = api.post(URL, REQUEST, format="json")
    assert (response.status_code, response.json()["limit"]) == (409, 2)
    assert ApiKey.objects.count() == 2

    revoke_key(user=user, key_id=first.id)
    assert api.post(URL, REQUEST, format="json").status_code == 201


@pytest.mark.parametrize("count", [1, 20])
def test_the_list_of_keys_asks_once(api: APIClient, user: User, count: int) -> None:
    for _number in range(count):
        make_key(user)

    with counted_queries() as queries:
        response = api.get(URL)
    assert len(queries) == 3  # the tenant, who is signed in, the keys

    assert len(response.json()["results"]) == count


def test_support_revokes_keys_in_the_admin_and_can_make_none(user: User) -> None:
    key, secret = make_key(user)
    admin, _created = ensure_administrator(email="a@example.com", password=PASSWORD, name="A")
    client = Client()
    client.force_login(admin)

    assert client.get("/admin/accounts/apikey/add/").status_code == 403
    page = client.get(f"/admin/accounts/apikey/{key.id}/change/").content.decode()
    assert key.digest not in page
    form = {"action": "revoke", "_selected_action": [str(key.id)]}
    assert client.post("/admin/accounts/apikey/", form).status_code == 302

    assert usable_key(secret) is None
