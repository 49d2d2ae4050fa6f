"""The credits one has, and the ledger they come from, as a program sees them."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.credits.models import Grant, Posting
from apps.credits.services.grants import add_grant, refund_job
from apps.credits.services.ledger import release_hold, settle_hold
from apps.plans.products import CreditSource
from tests.credits.moves import hold_for
from tests.factories import make_user
from tests.queries import counted_queries

pytestmark = pytest.mark.django_db

CREDITS = "/api/v1/credits"
POSTINGS = "/api/v1/credits/postings"


def give(user: User, amount: int, *, begins: int = 0, days: int) -> Grant:
    now = timezone.now()
    return add_grant(
        user_id=user.id,
        source=CreditSource.PACK,
        amount=amount,
        valid_from=now + timedelta(days=begins),
        valid_until=now + timedelta(days=days),
        key=uuid.uuid4().hex,
    )


def numbers(grant: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(grant[name] for name in ("source", "total", "available", "held", "spent"))


def test_credits_come_with_their_grants_what_ends_first_in_front(
    api: APIClient, user: User
) -> None:
    give(user, 1000, days=60)
    give(user, 50, days=1)
    give(user, 300, begins=30, days=60)

    body = api.get(CREDITS).json()

    assert (body["available"], body["held"]) == (1550, 0)
    assert [numbers(grant) for grant in body["grants"]] == [
        ("pack", 50, 50, 0, 0),
        ("trial", 500, 500, 0, 0),
        ("pack", 1000, 1000, 0, 0),
        ("pack", 300, 300, 0, 0),
    ]
    assert body["grants"][3]["begins"] > timezone.now().isoformat()


def test_holds_and_charges_show_on_the_grant_they_come_from(api: APIClient, user: User) -> None:
    give(user, 50, days=1)
    charged, held = uuid.uuid4(), uuid.uuid4()
    hold_for(user_id=user.id, job_id=charged, amount=40)
    settle_hold(user_id=user.id, job_id=charged, charge=25)
    hold_for(user_id=user.id, job_id=held, amount=30)

    body = api.get(CREDITS).json()

    assert (body["available"], body["held"]) == (495, 30)
    assert [numbers(grant) for grant in body["grants"]] == [
        ("pack", 50, 0, 25, 25),
        ("trial", 500, 495, 5, 0),
    ]


def test_a_grant_that_is_used_up_or_has_ended_is_not_told(api: APIClient, user: User) -> None:
    give(user, 10, begins=-2, days=-1)
    give(user, 10, days=1)
    job = uuid.uuid4()
    hold_for(user_id=user.id, job_id=job, amount=10)
    settle_hold(user_id=user.id, job_id=job, charge=10)

    body = api.get(CREDITS).json()

    assert body["available"] == 500
    assert [grant["source"] for grant in body["grants"]] == ["trial"]


def test_nobody_sees_the_credits_of_others(
    api: APIClient, stranger_api: APIClient, user: User
) -> None:
    give(user, 1000, days=60)

    assert stranger_api.get(CREDITS).json()["available"] == 500
    postings = stranger_api.get(POSTINGS).json()["results"]
    assert [posting["available"] for posting in postings] == [500]


def test_the_ledger_tells_every_movement_in_words(api: APIClient, user: User) -> None:
    charged, released = uuid.uuid4(), uuid.uuid4()
    hold_for(user_id=user.id, job_id=charged, amount=4)
    settle_hold(user_id=user.id, job_id=charged, charge=3)
    hold_for(user_id=user.id, job_id=released, amount=2)
    release_hold(user_id=user.id, job_id=released)
    refund_job(
        user_id=user.id,
        job_id=charged,
        amount=1,
        reason="the picture was broken",
        actor=make_user("staff@example.com"),
    )

    rows = api.get(POSTINGS).json()["results"]

    told = [
        (row["kind_text"], row["available"], row["held"], row["spent"], row["closed"])
        for row in rows
    ]
    assert told == [
        ("given", 1, 0, 0, 0),
        ("given back", 0, 0, -1, 1),
        ("released", 2, -2, 0, 0),
        ("held", -2, 2, 0, 0),
        ("charged", 1, -4, 3, 0),
        ("held", -4, 4, 0, 0),
        ("given", 500, 0, 0, 0),
    ]
    assert [row["generation"] for row in rows[1:]] == [
        str(charged),
        str(released),
        str(released),
        str(charged),
        str(charged),
        None,
    ]
    assert (rows[0]["source"], rows[1]["source"]) == ("refund", "trial")
    assert rows[1]["reason"] == "the picture was broken"
    assert "actor_id" not in rows[1]


def test_the_ledger_is_paged_by_keyset_and_asks_once_a_page(api: APIClient, user: User) -> None:
    for _ in range(3):
        hold_for(user_id=user.id, job_id=uuid.uuid4(), amount=1)

    seen: list[str] = []
    address = f"{POSTINGS}?limit=2"
    while address:
        with counted_queries() as queries:
            page = api.get(address).json()
        assert sum("credits_posting" in sql for sql in queries) == 1
        seen += [row["id"] for row in page["results"]]
        address = page["next"]

    assert len(seen) == 4
    assert set(seen) == set(map(str, Posting.objects.values_list("id", flat=True)))
