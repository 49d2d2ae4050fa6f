"""Credits in the admin: read by support, given and given back by billing."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.models import Act, AuditRecord
from apps.credits.models import Grant, Hold, Posting, PostingKind
from apps.credits.selectors import holds_of_jobs, read_balance
from apps.credits.services.ledger import settle_hold
from apps.plans.products import CreditSource
from tests.admin.books import REASON, charged_job, state_of_the_books
from tests.credits.moves import hold_for
from tests.factories import make_job, make_user
from tests.queries import counted_queries

pytestmark = pytest.mark.django_db

GIVE = "/admin/credits/grant/add/"
LISTS = ("grant", "hold", "posting")


def refund_url(job_id: uuid.UUID) -> str:
    return f"/admin/credits/hold/job/{job_id}/refund/"


def filled(**values: Any) -> dict[str, Any]:
    return {"key": str(uuid.uuid4()), "amount": 100, "reason": REASON, **values}


def test_credits_are_given_with_a_reason_and_are_on_record(
    billing: Client, biller: User, user: User
) -> None:
    response = billing.post(GIVE, filled(user=user.id))

    grant = Grant.objects.get(source=CreditSource.GIFT)
    assert response["Location"] == f"/admin/credits/grant/{grant.id}/change/"
    assert (grant.total, grant.reason, grant.granted_by) == (100, REASON, biller.id)
    assert read_balance(user_id=user.id).available == 600
    record = AuditRecord.objects.get(act=Act.CREDITS_GIVEN)
    assert (record.user_id, record.actor_id) == (user.id, biller.id)
    assert record.target == f"100: {REASON}"
    assert "billing@example.com" in billing.get(response["Location"]).content.decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("user", ""),
        ("amount", 0),
        ("amount", -5),
        ("amount", 1_000_001),
        ("amount", 2**40),
        ("amount", "x"),
        ("reason", "short"),
    ],
)
def test_wrong_gifts_are_refused_and_change_nothing(
    billing: Client, user: User, field: str, value: Any
) -> None:
    before = state_of_the_books()

    response = billing.post(GIVE, filled(user=user.id) | {field: value})

    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert state_of_the_books() == before


def test_a_gift_sent_twice_is_given_once(billing: Client, user: User) -> None:
    form = filled(user=user.id)

    answers = [billing.post(GIVE, form) for _ in range(2)]
    other = billing.post(GIVE, form | {"amount": 200})

    assert [answer.status_code for answer in (*answers, other)] == [302, 302, 422]
    assert read_balance(user_id=user.id).available == 600
    assert AuditRecord.objects.filter(act=Act.CREDITS_GIVEN).count() == 1


def test_the_page_of_a_refund_says_what_was_quoted_held_and_charged(
    billing: Client, user: User
) -> None:
    job_id = charged_job(user, quoted=8, charged=5)

    page = billing.get(refund_url(job_id)).content.decode()

    cells = "".join(page.split())
    assert "<td>8</td><td>8</td><td>5</td><td>0</td><td>5</td>" in cells
    assert f"Job {job_id} of owner@example.com" in page
    assert 'value="5"' in page


def test_a_refund_comes_as_new_credits_and_is_on_record(
    billing: Client, biller: User, user: User
) -> None:
    job_id = charged_job(user, quoted=8, charged=5)

    response = billing.post(refund_url(job_id), filled(amount=3))

    assert response["Location"] == f"/admin/credits/hold/{Hold.objects.get().id}/change/"
    assert read_balance(user_id=user.id).available == 500 - 5 + 3
    assert holds_of_jobs(user_id=user.id, job_ids=[job_id])[job_id].refunded == 3
    posting = Posting.objects.get(kind=PostingKind.REFUND)
    assert (posting.spent, posting.actor_id, posting.reason) == (-3, biller.id, REASON)
    record = AuditRecord.objects.get(act=Act.CREDITS_REFUNDED)
    assert (record.user_id, record.actor_id) == (user.id, biller.id)
    assert record.target == f"3 of job {job_id}: {REASON}"


def test_refunds_of_a_job_are_never_above_its_charge(billing: Client, user: User) -> None:
    job_id = charged_job(user, quoted=8, charged=5)
    url = refund_url(job_id)

    too_much = billing.post(url, filled(amount=6))
    assert billing.post(url, filled(amount=3)).status_code == 302
    before = state_of_the_books()
    above_the_rest = billing.post(url, filled(amount=3))

    assert (too_much.status_code, above_the_rest.status_code) == (422, 422)
    assert list(above_the_rest.context["form"].errors) == ["amount"]
    assert "At most 2 credits" in above_the_rest.content.decode()
    assert state_of_the_books() == before
    assert billing.post(url, filled(amount=2)).status_code == 302
    assert read_balance(user_id=user.id).available == 500


@pytest.mark.parametrize(
    ("field", "value"), [("amount", 0), ("amount", "x"), ("reason", "short"), ("key", "")]
)
def test_wrong_refunds_are_refused_and_change_nothing(
    billing: Client, user: User, field: str, value: Any
) -> None:
    job_id = charged_job(user)
    before = state_of_the_books()

    response = billing.post(refund_url(job_id), filled(amount=1) | {field: value})

    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert state_of_the_books() == before


def test_a_refund_sent_twice_is_given_once(billing: Client, user: User) -> None:
    job_id = charged_job(user, quoted=8, charged=5)
    form = filled(amount=1)

    answers = [billing.post(refund_url(job_id), form) for _ in range(2)]
    other = billing.post(refund_url(job_id), form | {"amount": 2})

    assert [answer.status_code for answer in (*answers, other)] == [302, 302, 422]
    assert read_balance(user_id=user.id).available == 496
    assert AuditRecord.objects.filter(act=Act.CREDITS_REFUNDED).count() == 1


def test_a_running_job_has_nothing_to_give_back_and_an_unknown_one_is_not_found(
    billing: Client, user: User
) -> None:
    job_id = uuid.uuid4()
    hold_for(user_id=user.id, job_id=job_id, amount=8)
    before = state_of_the_books()

    assert billing.get(refund_url(job_id)).status_code == 200
    assert billing.post(refund_url(job_id), filled(amount=1)).status_code == 422
    assert billing.post(refund_url(uuid.uuid4()), filled(amount=1)).status_code == 404
    assert state_of_the_books() == before


@pytest.mark.parametrize(
    ("who", "look", "give"),
    [("nobody", 302, 302), ("user", 302, 302), ("support", 200, 403), ("billing", 200, 302)],
)
def test_support_looks_and_billing_gives(
    visitors: Callable[[str], Client], who: str, look: int, give: int, user: User
) -> None:
    job_id = charged_job(user)
    before = state_of_the_books()
    client = visitors(who)

    for name in LISTS:
        assert client.get(f"/admin/credits/{name}/").status_code == look
    assert client.post(GIVE, filled(user=user.id)).status_code == give
    assert client.post(refund_url(job_id), filled(amount=1)).status_code == give

    assert (state_of_the_books() == before) is (who != "billing")


def test_the_books_cannot_be_changed_by_hand(root_client: Client, user: User) -> None:
    charged_job(user)
    before = state_of_the_books()

    for model in (Grant, Hold, Posting):
        url = f"/admin/credits/{model._meta.model_name}/{model.objects.first().pk}"  # type: ignore[union-attr]
        assert root_client.get(f"{url}/change/").status_code == 200
        assert root_client.post(f"{url}/change/", {"total": 1}).status_code == 403
        assert root_client.post(f"{url}/delete/", {"post": "yes"}).status_code == 403

    assert root_client.get("/admin/credits/posting/add/").status_code == 403
    assert root_client.get("/admin/credits/hold/add/").status_code == 403
    assert state_of_the_books() == before


def test_the_page_of_a_job_leads_to_its_refund(
    root_client: Client, support: Client, user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter)
    page = f"/admin/jobs/{job.id}/"
    # Nothing was charged yet that could be given back.
    assert refund_url(job.id) not in root_client.get(page).content.decode()

    settle_hold(user_id=user.id, job_id=job.id, charge=1)

    assert refund_url(job.id) in root_client.get(page).content.decode()
    assert root_client.get(refund_url(job.id)).status_code == 200
    assert refund_url(job.id) not in support.get(page).content.decode()


def test_rows_are_found_by_mail_and_by_job(support: Client, user: User, stranger: User) -> None:
    job_id = charged_job(user)
    charged_job(stranger)

    for name, found in (("grant", 1), ("hold", 1), ("posting", 3)):
        response = support.get(f"/admin/credits/{name}/", {"q": "owner@example.com"})
        rows = response.context["cl"].result_list
        assert [row.user for row in rows] == [user] * found
    for name, found in (("hold", 1), ("posting", 2)):
        response = support.get(f"/admin/credits/{name}/", {"q": str(job_id)})
        assert len(response.context["cl"].result_list) == found


@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_the_same_queries_at_any_length(
    support: Client, user: User, name: str
) -> None:
    url = f"/admin/credits/{name}/"
    charged_job(user)
    support.get(url)
    with counted_queries() as few:
        support.get(url)
    for number in range(10):
        charged_job(make_user(f"user{number}@example.com"))
    with counted_queries() as many:
        support.get(url)

    assert len(many) == len(few)
