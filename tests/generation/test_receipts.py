"""Receipts: exact numbers in every state, by JSON and by CSV, to their own user alone."""

import csv
import io
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import AsyncClient
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.credentials import SESSION
from apps.accounts.models import Scope, User
from apps.accounts.services.keys import create_key, revoke_key
from apps.catalog.models import GenerationModel
from apps.core.errors import ErrorCode
from apps.credits.models import Hold
from apps.credits.services.grants import refund_job
from apps.credits.usage import Span
from apps.generation import receipts
from apps.generation.models import Job
from apps.generation.orders import Order
from apps.generation.parameters import complete_parameters
from apps.generation.services.jobs import accept_order, cancel_job
from apps.generation.services.leases import claim_next_job, hand_back, recover_expired_jobs
from apps.generation.services.results import fail_job, finish_job
from apps.plans.tiers import GpuTier
from tests.database import in_thread
from tests.factories import make_job, make_user
from tests.queries import counted_queries

pytestmark = pytest.mark.django_db

LARGE: dict[str, Any] = {"steps": 50, "num_images": 4}


def claim() -> Job:
    job = claim_next_job(tiers=list(GpuTier), worker="w")
    assert job is not None
    return job


def finish(job: Job, seconds: float, *, cancelled: bool = False) -> None:
    assert finish_job(
        user_id=job.user_id,
        job_id=job.id,
        attempt=job.attempt,
        pictures=[],
        compute_seconds=seconds,
        cancelled=cancelled,
    )


def receipt_of(api: APIClient, job: Job) -> dict[str, Any]:
    response = api.get(f"/api/v1/generations/{job.id}/receipt")
    assert response.status_code == 200
    receipt: dict[str, Any] = response.json()
    return receipt


def numbers(receipt: dict[str, Any]) -> dict[str, Any]:
    names = ("quoted", "held", "seconds", "charged", "released", "refunded")
    return {name: receipt[name] for name in names}


def quote_of(job: Job) -> int:
    return Hold.objects.get(job_id=job.id).amount


def test_a_waiting_job_has_a_quote_and_no_attempt(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter, **LARGE)
    quote = quote_of(job)

    assert receipt_of(api, job) == {
        "generation": str(job.id),
        "state": "queued",
        "model": starter.key,
        "tier": "basic",
        "api_key": None,
        "api_key_name": None,
        "created_at": job.created_at.isoformat().replace("+00:00", "Z"),
        "started_at": None,
        "finished_at": None,
        "quoted": quote,
        "held": quote,
        "seconds": None,
        "charged": None,
        "released": 0,
        "refunded": 0,
        "attempts": [],
        "terms": None,
        "pictures_charged": None,
        "made_with": None,
    }


def test_a_running_job_does_not_tell_yet_what_it_costs(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter)
    claim()

    receipt = receipt_of(api, job)

    assert (receipt["state"], receipt["charged"]) == ("running", None)
    assert receipt["attempts"] == [
        {"attempt": 1, "seconds": None, "charged": None, "outcome": "running"}
    ]


def test_lost_attempts_stand_on_the_receipt_at_nothing(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter, **LARGE)
    for _ in range(2):
        lost = claim()
        hand_back(user_id=user.id, job_id=job.id, attempt=lost.attempt)
    quote = quote_of(job)
    assert [each["outcome"] for each in receipt_of(api, job)["attempts"]] == ["lost", "lost"]

    finish(claim(), 1.25)

    receipt = receipt_of(api, job)
    assert receipt["attempts"] == [
        {"attempt": 1, "seconds": 0, "charged": 0, "outcome": "lost"},
        {"attempt": 2, "seconds": 0, "charged": 0, "outcome": "lost"},
        {"attempt": 3, "seconds": 1.25, "charged": 2, "outcome": "succeeded"},
    ]
    assert numbers(receipt) == {
        "quoted": quote,
        "held": quote,
        "seconds": 1.25,
        "charged": 2,
        "released": quote - 2,
        "refunded": 0,
    }


def test_a_failed_job_costs_nothing_and_says_so(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter, **LARGE)
    claim()
    fail_job(user_id=user.id, job_id=job.id, attempt=1, code=ErrorCode.OUT_OF_MEMORY)

    receipt = receipt_of(api, job)

    assert (receipt["charged"], receipt["released"]) == (0, quote_of(job))
    assert receipt["attempts"] == [{"attempt": 1, "seconds": 0, "charged": 0, "outcome": "failed"}]


def test_a_job_that_was_lost_to_the_last_has_lost_attempts_alone(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter)
    for _ in range(3):
        claim()
        Job.objects.filter(id=job.id).update(lease_expires_at=timezone.now() - timedelta(hours=1))
        recover_expired_jobs()

    receipt = receipt_of(api, job)

    assert (receipt["state"], receipt["charged"]) == ("failed", 0)
    assert [each["outcome"] for each in receipt["attempts"]] == ["lost"] * 3


def test_a_cancelled_job_costs_the_seconds_it_ran(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    waiting, running = make_job(user, starter), make_job(user, starter, **LARGE)
    cancel_job(user=user, job_id=waiting.id)
    claimed = claim()
    cancel_job(user=user, job_id=running.id)
    finish(claimed, 0.4, cancelled=True)

    assert receipt_of(api, waiting)["attempts"] == []
    assert receipt_of(api, waiting)["charged"] == 0
    assert receipt_of(api, waiting)["released"] == quote_of(waiting)
    assert receipt_of(api, running)["charged"] == 1
    assert receipt_of(api, running)["attempts"] == [
        {"attempt": 1, "seconds": 0.4, "charged": 1, "outcome": "cancelled"}
    ]


def test_a_refund_stands_beside_what_was_charged(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter, **LARGE)
    finish(claim(), 1.9)
    refund_job(
        user_id=user.id,
        job_id=job.id,
        amount=1,
        reason="the picture was broken",
        actor=make_user("staff@example.com", is_staff=True),
    )

    receipt = receipt_of(api, job)

    assert (receipt["charged"], receipt["refunded"]) == (2, 1)
    assert receipt["released"] == quote_of(job) - 2


def test_the_name_of_the_key_stays_after_the_key_is_revoked(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    job = job_by_key(user, starter, name="night shift")
    revoke_key(user=user, key_id=uuid.UUID(str(job.api_key_id)))

    receipt = receipt_of(api, job)

    assert (receipt["api_key"], receipt["api_key_name"]) == (str(job.api_key_id), "night shift")


def job_by_key(user: User, model: GenerationModel, *, name: str) -> Job:
    key, _secret = create_key(user=user, granter=SESSION, name=name, scopes=[Scope.GENERATE])
    parameters = complete_parameters(model=model, prompt="a red circle", steps=2, seed=1)
    return accept_order(user=user, order=Order(model=model, parameters=parameters), api_key=key)


def test_a_stranger_finds_no_receipt(
    stranger_api: APIClient, user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter)

    response = stranger_api.get(f"/api/v1/generations/{job.id}/receipt")

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


def download(api: APIClient, month: str) -> tuple[Any, list[dict[str, str]]]:
    response = api.get("/api/v1/usage/receipts.csv", {"month": month})
    assert response.status_code == 200
    content = b"".join(response.streaming_content)  # type: ignore[attr-defined]
    return response, list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def put(job: Job, *, asked: datetime) -> None:
    Job.objects.filter(id=job.id).update(created_at=asked)


def test_the_file_of_a_month_has_a_row_for_each_job_of_it(
    api: APIClient, user: User, stranger: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter, **LARGE)
    finish(claim(), 1.25)
    waiting, before, after = (make_job(user, starter) for _ in range(3))
    make_job(stranger, starter)
    put(job, asked=datetime(2026, 10, 1, tzinfo=UTC))
    put(waiting, asked=datetime(2026, 10, 31, 23, 59, 59, 999999, tzinfo=UTC))
    put(before, asked=datetime(2026, 9, 30, 23, 59, 59, 999999, tzinfo=UTC))
    put(after, asked=datetime(2026, 11, 1, tzinfo=UTC))
    job.refresh_from_db()
    quote = quote_of(job)

    response, rows = download(api, "2026-10")

    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="easel-receipts-2026-10.csv"' in response["Content-Disposition"]
    assert response["Cache-Control"] == "private, no-store"
    assert [row["job"] for row in rows] == [str(job.id), str(waiting.id)]
    assert job.started_at is not None
    assert job.finished_at is not None
    assert rows[0] == {
        "job": str(job.id),
        "asked_at": "2026-10-01T00:00:00+00:00",
        "started_at": job.started_at.isoformat(timespec="seconds"),
        "finished_at": job.finished_at.isoformat(timespec="seconds"),
        "state": "succeeded",
        "model": starter.key,
        "tier": "basic",
        "api_key": "",
        "attempts": "1",
        "seconds": "1.250",
        "quoted": str(quote),
        "held": str(quote),
        "charged": "2",
        "released": str(quote - 2),
        "refunded": "0",
    }
    assert (rows[1]["state"], rows[1]["charged"], rows[1]["seconds"]) == ("queued", "", "")


def test_the_file_begins_with_the_mark_that_a_spreadsheet_knows_utf8_by(
    api: APIClient, user: User
) -> None:
    response = api.get("/api/v1/usage/receipts.csv", {"month": "2026-11"})
    content = b"".join(response.streaming_content)  # type: ignore[attr-defined]

    assert content.startswith(b"\xef\xbb\xbfjob,asked_at,")
    assert content.count(b"\r\n") == 1


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", '=cmd|"/c calc"!A1'])
def test_a_name_is_never_a_formula(
    api: APIClient, user: User, starter: GenerationModel, name: str
) -> None:
    job_by_key(user, starter, name=name)

    _response, rows = download(api, f"{timezone.now():%Y-%m}")

    assert [row["api_key"] for row in rows] == [f"'{name}"]


def test_a_long_month_is_read_in_pieces_and_each_job_once(
    api: APIClient, user: User, starter: GenerationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts, "ROWS_A_CHUNK", 2)
    jobs = [make_job(user, starter) for _ in range(5)]
    Job.objects.update(created_at=datetime(2026, 11, 5, tzinfo=UTC))

    _response, rows = download(api, "2026-11")

    assert sorted(row["job"] for row in rows) == sorted(str(job.id) for job in jobs)


@pytest.mark.parametrize(
    "month",
    ["", "2026", "2026-13", "2026-00", "2026-1", "0000-01", "9999-12", "2026-11-01", "٢٠٢٦-11"],
)
def test_what_is_no_month_is_refused(api: APIClient, month: str) -> None:
    response = api.get("/api/v1/usage/receipts.csv", {"month": month})

    assert response.status_code == 422
    assert response.json()["invalid_fields"] == ["month"]


@pytest.mark.django_db(transaction=True)
async def test_on_the_event_loop_the_file_is_read_as_its_user(
    user: User, stranger: User, starter: GenerationModel
) -> None:
    own = await in_thread(make_job)(user, starter)
    await in_thread(make_job)(stranger, starter)
    client = AsyncClient()
    await in_thread(client.force_login)(user)

    response = await client.get("/api/v1/usage/receipts.csv", {"month": f"{timezone.now():%Y-%m}"})
    content = b"".join([piece async for piece in response.streaming_content])  # type: ignore[attr-defined]

    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert [row["job"] for row in rows] == [str(own.id)]


def test_many_receipts_cost_as_many_queries_as_one(user: User, starter: GenerationModel) -> None:
    for number in range(4):
        job_by_key(user, starter, name=f"key {number}")
    span = Span(timezone.now().date(), timezone.now().date())

    with counted_queries() as queries:
        found = receipts.list_receipts(user=user, span=span, limit=20)

    assert [receipt.key_name for receipt in found] == ["key 3", "key 2", "key 1", "key 0"]
    assert len(queries) == 3
