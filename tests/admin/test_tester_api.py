"""Tester grants by the API: for staff alone, by session, never by an API key."""

import uuid
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts import provider_keys
from apps.accounts.credentials import SESSION
from apps.accounts.models import Scope, User
from apps.accounts.services.keys import create_key
from apps.core.models import Act, AuditRecord
from apps.credits.selectors import read_balance
from apps.plans import models as plans
from apps.plans.entitlements import entitlements_of
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from apps.plans.services.testers import grant_tester_plan
from tests.accounts.provider import CLIENT_ID, running_provider
from tests.admin.books import state_of_the_books
from tests.factories import make_user
from tests.queries import counted_queries

pytestmark = pytest.mark.django_db

URL = "/api/v1/admin/tester-plan/grants"
REASON = "tries the new models"


def client_of(user: User) -> APIClient:
    client = APIClient()
    client.default_format = "json"
    client.force_login(user)
    return client


@pytest.fixture
def staff(biller: User) -> APIClient:
    return client_of(biller)


def asked(**changes: Any) -> dict[str, Any]:
    return {"email": "owner@example.com", "days": 30, "reason": REASON, **changes}


def make_grant(user: User, actor: User) -> plans.TesterGrant:
    return grant_tester_plan(user=user, actor=actor, days=30, reason=REASON)


def test_a_grant_by_email_gives_plan_and_credits_and_is_on_record(
    staff: APIClient, biller: User, user: User
) -> None:
    response = staff.post(URL, asked(email="Owner@Example.com", credits=1234))

    body = response.json()
    grant = plans.TesterGrant.objects.get()
    assert response.status_code == 201
    assert response["Location"] == body["url"] == f"{URL}/{grant.id}"
    wanted = {
        "id": str(grant.id),
        "user_id": str(user.id),
        "email": "owner@example.com",
        "credits": 1234,
        "days": 30,
        "reason": REASON,
        "state": "active",
        "granted_by": str(biller.id),
        "granted_by_email": "billing@example.com",
        "revoked_at": None,
        "revoked_by_email": None,
    }
    assert body.items() >= wanted.items()
    assert entitlements_of(user_id=user.id).plan == PLANS["tester"]
    assert read_balance(user_id=user.id).available == 500 + 1234
    record = AuditRecord.objects.get(act=Act.TESTER_GRANTED)
    assert (record.user_id, record.actor_id) == (user.id, biller.id)
    opened = AuditRecord.objects.get(act=Act.SERVICE_SCOPE)
    assert (opened.user_id, opened.actor_id) == (None, biller.id)
    assert opened.target == f"POST {URL}"


def test_a_grant_by_id_has_50000_credits_unless_said_otherwise(
    staff: APIClient, user: User
) -> None:
    body = {"user_id": str(user.id), "days": 1, "reason": REASON}

    assert staff.post(URL, body).json()["credits"] == 50_000


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"email": "nobody@example.com"}, ["email"]),
        ({"email": 5}, ["email"]),
        ({"user_id": str(uuid.uuid4())}, ["email", "user_id"]),
        ({"email": None}, ["email"]),
        ({"days": 0}, ["days"]),
        ({"days": 366}, ["days"]),
        ({"credits": 0}, ["credits"]),
        ({"credits": 1_000_001}, ["credits"]),
        ({"reason": "too short"}, ["reason"]),
        ({"reason": "         a         "}, ["reason"]),
    ],
)
def test_wrong_values_are_named_and_change_nothing(
    staff: APIClient, user: User, changes: dict[str, Any], fields: list[str]
) -> None:
    before = state_of_the_books()

    response = staff.post(URL, asked(**changes))

    assert response.status_code == 422
    assert response.json()["invalid_fields"] == fields
    assert state_of_the_books() == before


def test_the_same_key_with_the_same_body_gives_the_same_grant(staff: APIClient, user: User) -> None:
    answers = [staff.post(URL, asked(), headers={"Idempotency-Key": "k1"}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert plans.TesterGrant.objects.count() == 1
    assert AuditRecord.objects.filter(act=Act.TESTER_GRANTED).count() == 1
    assert read_balance(user_id=user.id).available == 50_500


def test_the_same_key_with_another_body_is_a_conflict(staff: APIClient, user: User) -> None:
    staff.post(URL, asked(), headers={"Idempotency-Key": "k1"})
    before = state_of_the_books()

    response = staff.post(URL, asked(days=31), headers={"Idempotency-Key": "k1"})

    assert response.status_code == 409
    assert response.json()["code"] == "idempotency_conflict"
    assert state_of_the_books() == before


def test_the_keys_of_two_administrators_are_apart(staff: APIClient, root: User, user: User) -> None:
    for client in (staff, client_of(root)):
        assert client.post(URL, asked(), headers={"Idempotency-Key": "k"}).status_code == 201

    assert plans.TesterGrant.objects.count() == 2


def test_a_key_longer_than_255_is_refused(staff: APIClient, user: User) -> None:
    before = state_of_the_books()

    response = staff.post(URL, asked(), headers={"Idempotency-Key": "k" * 256})

    assert response.status_code == 422
    assert state_of_the_books() == before


def test_others_than_staff_who_may_grant_are_refused(
    user: User, stranger: User, supporter: User
) -> None:
    grant = make_grant(user, stranger)
    before = state_of_the_books()

    for person in (user, stranger, supporter):
        client = client_of(person)
        answers = [
            client.get(URL),
            client.post(URL, asked()),
            client.get(f"{URL}/{grant.id}"),
            client.post(f"{URL}/{grant.id}/revoke", {"reason": REASON}),
        ]
        assert [answer.status_code for answer in answers] == [403] * 4
        assert answers[0].json()["code"] == "permission_denied"
    assert APIClient().get(URL).status_code == 401

    assert state_of_the_books() == before
    assert not AuditRecord.objects.filter(act=Act.SERVICE_SCOPE).exists()


def test_no_key_of_staff_opens_it(root: User, user: User) -> None:
    start_subscription(user=root, plan=PLANS["pro"])
    _key, secret = create_key(user=root, granter=SESSION, name="all", scopes=list(Scope))
    client = APIClient(HTTP_AUTHORIZATION=f"Bearer {secret}")
    client.default_format = "json"
    before = state_of_the_books()

    assert client.get("/api/v1/keys").status_code == 200
    assert client.get(URL).status_code == 403
    assert client.post(URL, asked()).status_code == 403
    assert state_of_the_books() == before


def test_a_token_of_staff_from_the_provider_opens_it(root: User, user: User, settings: Any) -> None:
    root.oidc_subject = "root-subject"
    root.save()
    start_subscription(user=root, plan=PLANS["pro"])
    with running_provider() as provider:
        settings.EASEL_OIDC_ISSUER = provider.issuer
        settings.EASEL_OIDC_CLIENT_ID = CLIENT_ID
        settings.EASEL_OIDC_ENDPOINTS = {"jwks_uri": None}
        token = provider.access_token("root-subject")
        client = APIClient(HTTP_AUTHORIZATION=f"Bearer {token}")
        client.default_format = "json"
        response = client.post(URL, asked())
    provider_keys.provider_keys.cache_clear()

    assert response.status_code == 201
    assert plans.TesterGrant.objects.get().granted_by == root.id


def test_revoking_takes_it_back_once(staff: APIClient, biller: User, user: User) -> None:
    grant = make_grant(user, biller)
    url = f"{URL}/{grant.id}/revoke"

    first = staff.post(url, {"reason": "the test is over"})
    before = state_of_the_books()
    second = staff.post(url, {"reason": "the test is over"})

    assert (first.status_code, second.status_code) == (200, 409)
    body = first.json()
    assert (body["state"], body["revoked_by_email"]) == ("revoked", "billing@example.com")
    assert body["revoke_reason"] == "the test is over"
    assert staff.get(f"{URL}/{grant.id}").json() == body
    assert read_balance(user_id=user.id).available == 500
    assert state_of_the_books() == before


def test_revoking_needs_a_reason_and_a_grant(staff: APIClient, biller: User, user: User) -> None:
    grant = make_grant(user, biller)
    before = state_of_the_books()

    assert staff.post(f"{URL}/{grant.id}/revoke", {"reason": "short"}).status_code == 422
    assert staff.post(f"{URL}/{grant.id}/revoke", {}).status_code == 422
    assert staff.post(f"{URL}/{uuid.uuid4()}/revoke", {"reason": REASON}).status_code == 404
    assert staff.get(f"{URL}/{uuid.uuid4()}").status_code == 404
    assert state_of_the_books() == before


def test_the_list_is_paged_and_narrows(
    staff: APIClient, biller: User, user: User, stranger: User
) -> None:
    made = [make_grant(person, biller) for person in (user, stranger, user)]
    staff.post(f"{URL}/{made[0].id}/revoke", {"reason": REASON})

    def ids(**query: Any) -> list[str]:
        response = staff.get(URL, query)
        assert response.status_code == 200
        return [grant["id"] for grant in response.json()["results"]]

    newest_first = [str(grant.id) for grant in reversed(made)]
    page = staff.get(URL, {"limit": 2}).json()
    assert [grant["id"] for grant in page["results"]] == newest_first[:2]
    rest = staff.get(page["next"]).json()
    assert ([grant["id"] for grant in rest["results"]], rest["next"]) == (newest_first[2:], None)
    assert ids(state="active") == newest_first[:2]
    assert ids(state="revoked") == newest_first[2:]
    assert ids(state="ended") == []
    assert ids(email="Stranger@example.com") == [newest_first[1]]
    assert ids(user_id=str(user.id), state="active") == [newest_first[0]]
    assert staff.get(URL, {"state": "x"}).status_code == 422


def test_the_list_costs_the_same_queries_at_any_length(
    staff: APIClient, biller: User, user: User
) -> None:
    make_grant(user, biller)
    staff.get(URL)
    with counted_queries() as few:
        staff.get(URL)
    for number in range(10):
        make_grant(make_user(f"tester{number}@example.com"), biller)
    with counted_queries() as many:
        staff.get(URL)

    assert len(many) == len(few)
