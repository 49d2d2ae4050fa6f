import json
import uuid
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.generation.models import Job, JobState
from apps.generation.services.jobs import cancel_job
from apps.generation.services.leases import claim_next_job
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from apps.plans.tiers import GpuTier
from tests.factories import make_image, make_job
from tests.queries import counted_queries

URL = "/api/v1/generations"

pytestmark = pytest.mark.usefixtures("starter")


def test_a_prompt_alone_is_accepted_with_the_models_defaults(
    api: APIClient, starter: GenerationModel
) -> None:
    response = api.post(URL, {"prompt": "  a red circle  "}, format="json")

    assert response.status_code == 202
    body = response.json()
    assert response["Location"] == body["url"] == f"{URL}/{body['id']}"
    assert body["state"] == "queued"
    assert body["prompt"] == "a red circle"
    assert body["model"] == "starter"
    assert (body["width"], body["height"]) == (starter.default_width, starter.default_height)
    assert body["steps"] == starter.default_steps
    assert body["scheduler"] == starter.default_scheduler
    assert 0 <= body["seed"] < 2**32
    assert body["num_images"] == 1
    assert body["images"] == []
    assert body["error"] is None
    assert api.get(body["url"]).json() == body


def test_every_setting_is_kept(api: APIClient, user: User) -> None:
    start = make_image(user)
    asked = {
        "prompt": "a blue star 푸른 별 🌟",
        "negative_prompt": "red",
        "model": "starter",
        "width": 128,
        "height": 64,
        "steps": 7,
        "guidance_scale": 3.5,
        "scheduler": "euler_a",
        "seed": 4294967295,
        "num_images": 3,
        "init_image": str(start.image_name),
        "strength": 0.5,
    }

    body = api.post(URL, asked, format="json").json()

    assert {name: body[name] for name in asked} == asked


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt", ""),
        ("prompt", "   "),
        ("prompt", "x" * 10_000),
        ("prompt", None),
        ("prompt", {"text": "x"}),
        ("prompt", "half a surrogate \ud800"),
        ("prompt", "a zero \x00 byte"),
        ("negative_prompt", "x" * 10_000),
        ("width", 1),
        ("width", 100_000),
        ("width", 10**30),
        ("width", 100),
        ("width", "wide"),
        ("width", 0),
        ("height", -8),
        ("height", 1e300),
        ("steps", 0),
        ("steps", 100_000),
        ("steps", 1.5),
        ("guidance_scale", "NaN"),
        ("guidance_scale", "Infinity"),
        ("guidance_scale", -1),
        ("guidance_scale", 1e308),
        ("scheduler", "magic"),
        ("model", "no-such-model"),
        ("seed", -1),
        ("seed", 2**32),
        ("num_images", 0),
        ("num_images", 1000),
        ("init_image", "../../etc/passwd"),
        ("init_image", "5b0e2a63-9d1f-4a7e-8a35-000000000000"),
        ("strength", 2),
        ("strength", "NaN"),
        ("strength", 0.5),
    ],
)
def test_a_bad_value_is_refused_by_name_and_changes_nothing(
    api: APIClient, field: str, value: object
) -> None:
    request = json.dumps({"prompt": "a red circle", field: value})
    response = api.post(URL, request, content_type="application/json")

    assert response.status_code == 422
    body = response.json()
    assert body["code"] == "invalid"
    assert body["invalid_fields"] == [field]
    assert body["fields"][field]
    assert not Job.objects.exists()


def test_a_refused_value_is_not_echoed(api: APIClient) -> None:
    response = api.post(URL, {"prompt": "x", "scheduler": "<script>alert(1)"}, format="json")

    assert response.status_code == 422
    assert "script" not in response.content.decode()


def test_somebody_elses_picture_cannot_be_started_from(api: APIClient, stranger: User) -> None:
    theirs = make_image(stranger)

    response = api.post(URL, {"prompt": "x", "init_image": str(theirs.image_name)}, format="json")

    assert response.status_code == 422
    assert response.json()["invalid_fields"] == ["init_image"]


def test_the_same_key_and_body_give_the_same_job(api: APIClient) -> None:
    asked = {"prompt": "a red circle"}
    first = api.post(URL, asked, format="json", headers={"Idempotency-Key": "k1"})
    again = api.post(URL, asked, format="json", headers={"Idempotency-Key": "k1"})

    assert again.status_code == 202
    assert again.json() == first.json()
    assert Job.objects.count() == 1


def test_the_same_key_with_another_body_is_refused(api: APIClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    api.post(URL, {"prompt": "a red circle"}, format="json", headers=headers)
    response = api.post(URL, {"prompt": "a blue circle"}, format="json", headers=headers)

    assert response.status_code == 409
    assert response.json()["code"] == "idempotency_conflict"
    assert Job.objects.count() == 1


def test_two_users_may_use_the_same_key(api: APIClient, stranger_api: APIClient) -> None:
    for client in (api, stranger_api):
        response = client.post(
            URL, {"prompt": "x"}, format="json", headers={"Idempotency-Key": "k1"}
        )
        assert response.status_code == 202

    assert Job.objects.count() == 2


def test_an_overlong_key_is_refused(api: APIClient) -> None:
    response = api.post(URL, {"prompt": "x"}, format="json", headers={"Idempotency-Key": "k" * 256})

    assert response.status_code == 422
    assert response.json()["invalid_fields"] == ["idempotency_key"]


def test_a_full_queue_is_refused_with_its_limit(api: APIClient, settings: Any) -> None:
    settings.EASEL_MAX_WAITING_JOBS = 1
    api.post(URL, {"prompt": "x"}, format="json")
    response = api.post(URL, {"prompt": "x"}, format="json")

    assert response.status_code == 409
    assert response.json()["code"] == "queue_full"
    assert response.json()["limit"] == 1
    assert Job.objects.count() == 1


def test_the_plan_decides_the_tier(api: APIClient, user: User) -> None:
    api.post(URL, {"prompt": "on trial"}, format="json")
    start_subscription(user=user, plan=PLANS["studio"])
    api.post(URL, {"prompt": "on studio"}, format="json")

    jobs = Job.objects.order_by("created_at")
    assert [(job.tier, job.parallel_limit) for job in jobs] == [
        (GpuTier.BASIC, 1),
        (GpuTier.HIGH_PERFORMANCE, 3),
    ]


def test_nobody_sees_a_strangers_job(
    stranger_api: APIClient, user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter)

    assert stranger_api.get(f"{URL}/{job.id}").status_code == 404
    assert stranger_api.post(f"{URL}/{job.id}/cancel").status_code == 404
    assert stranger_api.get(URL).json()["results"] == []
    job.refresh_from_db()
    assert job.state == JobState.QUEUED


@pytest.mark.parametrize(
    "path", [URL, f"{URL}/{uuid.UUID(int=1)}", "/api/v1/models", "/api/v1/images"]
)
def test_nobody_gets_in_without_signing_in(path: str) -> None:
    response = APIClient().get(path)

    assert response.status_code == 401
    assert response.json()["code"] == "not_authenticated"


def test_a_waiting_job_is_cancelled_at_once(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter)

    response = api.post(f"{URL}/{job.id}/cancel")

    assert response.status_code == 202
    assert response.json()["state"] == "cancelled"
    assert claim_next_job(tiers=list(GpuTier), worker="w") is None


def test_a_running_job_is_asked_to_stop(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    make_job(user, starter)
    job = claim_next_job(tiers=list(GpuTier), worker="w")
    assert job is not None

    body = api.post(f"{URL}/{job.id}/cancel").json()

    assert body["state"] == "running"
    assert body["cancel_requested"] is True


def test_cancelling_an_ended_job_changes_nothing(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter)
    first = api.post(f"{URL}/{job.id}/cancel").json()

    assert api.post(f"{URL}/{job.id}/cancel").json() == first


def test_a_list_is_newest_first_by_state_and_in_pages(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    jobs = [make_job(user, starter, prompt=f"number {number}") for number in range(5)]
    api.post(f"{URL}/{jobs[0].id}/cancel")

    first = api.get(URL, {"limit": 3}).json()
    second = api.get(first["next"]).json()

    assert [job["prompt"] for job in first["results"]] == ["number 4", "number 3", "number 2"]
    assert [job["prompt"] for job in second["results"]] == ["number 1", "number 0"]
    assert second["next"] is None
    assert [job["prompt"] for job in api.get(URL, {"state": "cancelled"}).json()["results"]] == [
        "number 0"
    ]
    assert api.get(URL, {"state": "nonsense"}).status_code == 422
    assert api.get(URL, {"cursor": "nonsense"}).status_code == 404
    for limit in ("0", "101", "0100999", "9" * 5000, "x"):
        assert api.get(URL, {"limit": limit}).status_code == 422


@pytest.mark.parametrize("count", [1, 20])
def test_a_list_costs_the_same_queries_at_any_length(
    api: APIClient, user: User, starter: GenerationModel, count: int
) -> None:
    for _number in range(count):
        # Pictures are asked for only once a job has ended.
        cancel_job(user=user, job_id=make_job(user, starter).id)
    api.get(URL)  # the session is read from the database once

    with counted_queries() as queries:
        assert len(api.get(URL).json()["results"]) == count

    # tenant, user, jobs, pictures
    assert len(queries) == 4


def test_models_are_listed_with_all_a_form_needs(api: APIClient) -> None:
    (model,) = api.get("/api/v1/models").json()["results"]

    assert model["key"] == "starter"
    assert model["default_scheduler"] in {entry["key"] for entry in model["schedulers"]}
    assert {"key": "euler_a", "name": "Euler a"} in model["schedulers"]
    assert model["min_size"] <= model["default_width"] <= model["max_size"]
    assert model["example_prompts"]
