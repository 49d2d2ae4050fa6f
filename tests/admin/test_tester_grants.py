"""Tester grants in the admin: given and revoked by forms, and on record."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.core.models import Act, AuditRecord
from apps.credits.selectors import read_balance
from apps.plans import models as plans
from apps.plans.entitlements import entitlements_of
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from apps.plans.services.testers import grant_tester_plan
from tests.admin.books import at, state_of_the_books
from tests.factories import make_user
from tests.queries import counted_queries

pytestmark = pytest.mark.django_db

LIST = "/admin/plans/testergrant/"
ADD = f"{LIST}add/"
REASON = "tries the new models"


def filled(person: User, **changes: Any) -> dict[str, Any]:
    form = {"key": str(uuid.uuid4()), "user": str(person.id), "credits": 50_000, "days": 30}
    return form | {"reason": REASON} | changes


def make_grant(user: User, actor: User, **changes: Any) -> plans.TesterGrant:
    return grant_tester_plan(
        **{"user": user, "actor": actor, "days": 30, "reason": REASON, **changes}
    )


def test_a_grant_gives_plan_and_credits_and_is_on_record(
    billing: Client, biller: User, user: User
) -> None:
    response = billing.post(ADD, filled(user, credits=1234, days=10))

    grant = plans.TesterGrant.objects.get()
    assert response.status_code == 302
    assert response["Location"] == f"{LIST}{grant.id}/change/"
    assert (grant.user, grant.credits, grant.days, grant.granted_by) == (user, 1234, 10, biller.id)
    assert entitlements_of(user_id=user.id).plan == PLANS["tester"]
    assert read_balance(user_id=user.id).available == 500 + 1234
    record = AuditRecord.objects.get(act=Act.TESTER_GRANTED)
    assert (record.user_id, record.actor_id) == (user.id, biller.id)
    assert record.target == f"1234 credits, 10 days: {REASON}"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("user", str(uuid.UUID(int=1))),
        ("user", ""),
        ("credits", 0),
        ("credits", 1_000_001),
        ("credits", "many"),
        ("days", 0),
        ("days", 366),
        ("reason", "too short"),
        ("reason", "         a         "),
        ("key", "x"),
    ],
)
def test_wrong_values_stand_beside_their_fields_and_change_nothing(
    billing: Client, user: User, field: str, value: Any
) -> None:
    before = state_of_the_books()

    response = billing.post(ADD, filled(user, **{field: value}))

    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert state_of_the_books() == before


def test_a_form_sent_twice_grants_once(billing: Client, user: User) -> None:
    form = filled(user)

    first, second = billing.post(ADD, form), billing.post(ADD, form)

    assert first["Location"] == second["Location"]
    assert plans.TesterGrant.objects.count() == 1
    assert AuditRecord.objects.filter(act=Act.TESTER_GRANTED).count() == 1
    assert read_balance(user_id=user.id).available == 50_500


def test_a_form_sent_again_with_other_values_is_refused(billing: Client, user: User) -> None:
    form = filled(user)
    billing.post(ADD, form)
    before = state_of_the_books()

    response = billing.post(ADD, form | {"credits": 99})

    assert response.status_code == 422
    assert "sent before with other values" in response.content.decode()
    assert state_of_the_books() == before


def test_a_preview_shows_what_would_change_and_grants_nothing(billing: Client, user: User) -> None:
    before = state_of_the_books()

    response = billing.post(ADD, filled(user, _preview="Preview", reason="", days=77))

    page = response.content.decode()
    assert response.status_code == 200
    assert "What the grant changes for owner@example.com" in page
    preview = response.context["preview"]
    assert {(fact.now, fact.then) for fact in preview.facts} >= {
        ("trial", "tester"),
        ("Stable Diffusion", "Stable Diffusion and FLUX"),
    }
    assert "<td>500</td>" in page
    assert 'value="77"' in page
    assert state_of_the_books() == before


def test_the_link_with_a_user_shows_the_preview(billing: Client, user: User) -> None:
    start_subscription(user=user, plan=PLANS["studio"])

    response = billing.get(ADD, {"user": str(user.id)})

    assert response.context["preview"].is_greater_now
    assert "This user is on a greater plan" in response.content.decode()


def test_users_are_found_by_mail_for_the_form(billing: Client, user: User, stranger: User) -> None:
    query = {"app_label": "plans", "model_name": "testergrant", "field_name": "user"}

    found = billing.get("/admin/autocomplete/", query | {"term": "owner@"}).json()["results"]

    assert [row["id"] for row in found] == [str(user.id)]


@pytest.mark.parametrize(
    ("who", "look", "add"),
    [("nobody", 302, 302), ("user", 302, 302), ("support", 200, 403), ("billing", 200, 302)],
)
def test_support_looks_and_billing_grants_and_revokes(
    visitors: Callable[[str], Client], who: str, look: int, add: int, user: User, stranger: User
) -> None:
    grant = make_grant(stranger, user)
    revoke = f"{LIST}{grant.id}/revoke/"
    before = state_of_the_books()
    client = visitors(who)

    assert client.get(LIST).status_code == look
    assert client.get(f"{LIST}{grant.id}/change/").status_code == look
    assert client.post(ADD, filled(user)).status_code == add
    assert client.post(revoke, {"key": str(uuid.uuid4()), "reason": REASON}).status_code == add

    granted, revoked = (
        plans.TesterGrant.objects.count() == 2,
        bool(plans.TesterGrant.objects.get(id=grant.id).revoked_at),
    )
    assert (granted, revoked) == ((True, True) if who == "billing" else (False, False))
    if who != "billing":
        assert state_of_the_books() == before


def test_a_grant_can_neither_be_changed_nor_deleted(root_client: Client, user: User) -> None:
    grant = make_grant(user, user)

    page = root_client.get(f"{LIST}{grant.id}/change/")
    assert root_client.post(f"{LIST}{grant.id}/change/", {"credits": 1}).status_code == 403
    assert root_client.post(f"{LIST}{grant.id}/delete/", {"post": "yes"}).status_code == 403

    assert f"{LIST}{grant.id}/revoke/" in page.content.decode()
    grant.refresh_from_db()
    assert grant.credits == 50_000


def test_revoking_ends_the_plan_and_takes_the_credits_once(
    billing: Client, biller: User, user: User
) -> None:
    grant = make_grant(user, biller)
    url = f"{LIST}{grant.id}/revoke/"
    form = {"key": str(uuid.uuid4()), "reason": "the test is over"}

    first = billing.post(url, form)
    before = state_of_the_books()
    second = billing.post(url, form)

    assert (first.status_code, second.status_code) == (302, 422)
    assert "revoked before" in second.content.decode()
    assert state_of_the_books() == before
    grant.refresh_from_db()
    assert (grant.revoked_by, grant.revoke_reason) == (biller.id, "the test is over")
    assert read_balance(user_id=user.id).available == 500
    assert entitlements_of(user_id=user.id).plan == PLANS["trial"]
    assert AuditRecord.objects.filter(act=Act.TESTER_REVOKED).count() == 1
    page = billing.get(f"{LIST}{grant.id}/change/").content.decode()
    assert url not in page
    assert page.count("billing@example.com") >= 2


@pytest.mark.parametrize("reason", ["", "too short"])
def test_revoking_needs_a_reason(billing: Client, biller: User, user: User, reason: str) -> None:
    grant = make_grant(user, biller)
    before = state_of_the_books()

    response = billing.post(
        f"{LIST}{grant.id}/revoke/", {"key": str(uuid.uuid4()), "reason": reason}
    )

    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["reason"]
    assert state_of_the_books() == before


def test_revoking_what_is_not_there_is_not_found(billing: Client) -> None:
    form = {"key": str(uuid.uuid4()), "reason": REASON}

    assert billing.post(f"{LIST}{uuid.uuid4()}/revoke/", form).status_code == 404


@pytest.fixture
def three_grants(user: User, biller: User, root: User) -> dict[str, plans.TesterGrant]:
    """A grant in each state, of three users, the ended one by root."""
    people = [user, make_user("ended@example.com"), make_user("revoked@example.com")]
    with at(timezone.now() - timedelta(days=40)):
        ended = make_grant(people[1], root, days=10)
    revoked = make_grant(people[2], biller)
    active = make_grant(people[0], biller)
    plans.TesterGrant.objects.filter(id=revoked.id).update(
        revoked_at=timezone.now(), revoked_by=root.id
    )
    return {"active": active, "ended": ended, "revoked": revoked}


def listed(client: Client, **query: Any) -> list[uuid.UUID]:
    response = client.get(LIST, query)
    assert response.status_code == 200
    return [grant.id for grant in response.context["cl"].result_list]


@pytest.mark.parametrize("state", ["active", "ended", "revoked"])
def test_the_list_narrows_to_a_state(
    support: Client, three_grants: dict[str, plans.TesterGrant], state: str
) -> None:
    assert listed(support, state=state) == [three_grants[state].id]


def test_the_list_narrows_to_who_granted_and_to_a_mail(
    support: Client, three_grants: dict[str, plans.TesterGrant], root: User
) -> None:
    assert listed(support, granted_by=str(root.id)) == [three_grants["ended"].id]
    assert listed(support, q="revoked@example.com") == [three_grants["revoked"].id]
    assert listed(support, granted_by="x", state="x") == listed(support)


def test_the_list_costs_the_same_queries_at_any_length(
    support: Client, three_grants: dict[str, plans.TesterGrant], biller: User
) -> None:
    support.get(LIST)
    with counted_queries() as few:
        support.get(LIST)
    for number in range(10):
        make_grant(make_user(f"tester{number}@example.com"), biller)
    with counted_queries() as many:
        page = support.get(LIST).content.decode()

    assert len(many) == len(few)
    assert page.count("billing@example.com") >= 12
