"""Many jobs by one request: all of them or none."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.credits.selectors import read_balance
from apps.generation.models import Job, JobState
from apps.generation.receipts import get_receipt
from apps.generation.services.audit import audit_credits
from apps.generation.services.leases import claim_next_job
from apps.plans.tiers import GpuTier
from tests.factories import make_batch, make_job

URL = "/api/v1/generations"
QUEUE = "/api/v1/queue"

pytestmark = pytest.mark.usefixtures("starter")


def claim() -> Job | None:
    return claim_next_job(tiers=list(GpuTier), worker="w")


def claimed() -> Job:
    job = claim()
    assert job is not None
    return job


def order(api: APIClient) -> list[str]:
    return [job["id"] for job in api.get(QUEUE).json()["waiting"]]


def test_a_batch_is_accepted_in_its_order_with_a_hold_each(api: APIClient, user: User) -> None:
    asked = [{"prompt": f"number {number}", "seed": number} for number in range(3)]

    response = api.post(f"{URL}/batch", {"generations": asked}, format="json")

    assert response.status_code == 202
    body = response.json()
    jobs = body["generations"]
    assert [job["prompt"] for job in jobs] == ["number 0", "number 1", "number 2"]
    assert {job["batch"] for job in jobs} == {body["batch"]}
    assert [job["queue"]["position"] for job in jobs] == [1, 2, 3]
    assert order(api) == [job["id"] for job in jobs]
    assert read_balance(user_id=user.id).held == sum(
        get_receipt(user=user, job_id=job["id"]).held for job in jobs
    )
    assert audit_credits() == []


def test_a_batch_that_costs_too_much_is_refused_whole(api: APIClient, user: User) -> None:
    asked = [{"prompt": "x", "steps": 50, "num_images": 4} for _ in range(400)]

    response = api.post(f"{URL}/batch", {"generations": asked}, format="json")

    assert response.status_code == 402
    assert response.json()["code"] == "insufficient_credits"
    assert response.json()["available"] == 500
    assert not Job.objects.exists()
    assert read_balance(user_id=user.id).held == 0


def test_a_batch_that_does_not_fit_the_queue_is_refused_whole(
    api: APIClient, user: User, starter: GenerationModel, settings: Any
) -> None:
    settings.EASEL_MAX_WAITING_JOBS = 3
    make_job(user, starter)

    response = api.post(f"{URL}/batch", {"generations": [{"prompt": "x"}] * 3}, format="json")

    assert response.status_code == 409
    assert response.json()["code"] == "queue_full"
    assert (response.json()["limit"], response.json()["waiting"]) == (3, 1)
    assert Job.objects.count() == 1


@pytest.mark.parametrize(
    ("generations", "fields"),
    [
        ([], ["generations"]),
        ([{"prompt": "x"}, {"prompt": ""}], ["generations.1.prompt"]),
        ([{"prompt": "x", "width": 100}], ["generations.0.width"]),
        ([{"prompt": "x", "model": "none"}], ["generations.0.model"]),
        ("x", ["generations"]),
    ],
)
def test_a_bad_value_in_a_batch_is_named_and_changes_nothing(
    api: APIClient, generations: Any, fields: list[str]
) -> None:
    response = api.post(f"{URL}/batch", {"generations": generations}, format="json")

    assert response.status_code == 422
    assert [field.split(".non_field")[0] for field in response.json()["invalid_fields"]] == fields
    assert "ErrorDetail" not in response.content.decode()
    assert not Job.objects.exists()


def test_the_same_key_and_batch_give_the_same_jobs(api: APIClient) -> None:
    asked = {"generations": [{"prompt": "a"}, {"prompt": "b"}]}
    headers = {"Idempotency-Key": "k1"}

    first = api.post(f"{URL}/batch", asked, format="json", headers=headers)
    again = api.post(f"{URL}/batch", asked, format="json", headers=headers)
    other = api.post(
        f"{URL}/batch", {"generations": [{"prompt": "a"}]}, format="json", headers=headers
    )

    assert again.json() == first.json()
    assert other.status_code == 409
    assert Job.objects.count() == 2


def test_a_batch_is_cancelled_whole(api: APIClient, user: User, starter: GenerationModel) -> None:
    batch = make_batch(user, starter, 3)
    kept = make_job(user, starter)
    running = claimed()

    response = api.post(f"{URL}/batch/{batch[0].batch_id}/cancel")

    assert response.status_code == 202
    assert [job["state"] for job in response.json()["generations"]] == [
        "running",
        "cancelled",
        "cancelled",
    ]
    running.refresh_from_db()
    assert running.cancel_requested_at is not None
    kept.refresh_from_db()
    assert kept.state == JobState.QUEUED
    assert audit_credits() == []
