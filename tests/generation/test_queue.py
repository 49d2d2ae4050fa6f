"""What a user does with the own queue, and what nobody else can do with it."""

import uuid
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.errors import ErrorCode
from apps.core.tenancy import tenant_scope
from apps.generation.models import Job, JobState, Lane, Priority
from apps.generation.receipts import get_receipt
from apps.generation.services import queue
from apps.generation.services.audit import audit_credits
from apps.generation.services.leases import hand_back, wake_forgotten_jobs
from apps.generation.services.results import fail_job
from apps.images.models import Image
from apps.plans.models import Subscription
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from tests.factories import make_batch, make_job, make_user
from tests.generation.turns import claim, claimed, end
from tests.queues import waiting_messages

URL = "/api/v1/generations"
QUEUE = "/api/v1/queue"

pytestmark = pytest.mark.usefixtures("starter")


def order(api: APIClient) -> list[str]:
    return [job["id"] for job in api.get(QUEUE).json()["waiting"]]


def ids(jobs: list[Job]) -> list[str]:
    return [str(job.id) for job in jobs]


def test_the_front_is_before_all_that_waits(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    first, second = make_job(user, starter), make_job(user, starter)

    body = api.post(URL, {"prompt": "urgent", "priority": "front"}, format="json").json()

    assert order(api) == [body["id"], str(first.id), str(second.id)]
    assert body["priority"] == "front"
    assert str(claimed().id) == body["id"]


def test_the_background_is_behind_all_that_waits(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    body = api.post(URL, {"prompt": "whenever", "priority": "background"}, format="json").json()
    later = make_job(user, starter)

    assert order(api) == [str(later.id), body["id"]]
    assert claimed().id == later.id


@pytest.mark.parametrize(
    ("moved", "where", "expected"),
    [
        (2, {"to": "front"}, [2, 0, 1, 3]),
        (1, {"to": "end"}, [0, 2, 3, 1]),
        (3, {"before": 1}, [0, 3, 1, 2]),
        (0, {"after": 2}, [1, 2, 0, 3]),
        (0, {"before": 1}, [0, 1, 2, 3]),
    ],
)
def test_a_waiting_job_is_moved(
    api: APIClient,
    user: User,
    starter: GenerationModel,
    moved: int,
    where: dict[str, Any],
    expected: list[int],
) -> None:
    jobs = make_batch(user, starter, 4)
    target = {
        name: str(jobs[value].id) if isinstance(value, int) else value
        for name, value in where.items()
    }

    response = api.post(f"{URL}/{jobs[moved].id}/move", target, format="json")

    assert response.status_code == 200
    assert response.json()["queue"]["position"] == expected.index(moved) + 1
    assert order(api) == [str(jobs[number].id) for number in expected]
    for number in expected:
        job = claimed()
        assert job.id == jobs[number].id
        end(job)


def test_many_moves_between_the_same_two_never_run_out_of_room(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    jobs = make_batch(user, starter, 5)
    Job.objects.update(position=7)  # as if all had been asked for in one microsecond
    expected = order(api)
    for _ in range(20):
        last = expected.pop()
        api.post(f"{URL}/{last}/move", {"after": expected[0]}, format="json")
        expected.insert(1, last)

    assert order(api) == expected
    assert set(expected) == set(ids(jobs))


def test_a_job_of_the_background_is_moved_among_the_others(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    behind = make_job(user, starter, priority=Priority.BACKGROUND)
    first, second = make_job(user, starter), make_job(user, starter)

    api.post(f"{URL}/{behind.id}/move", {"before": str(second.id)}, format="json")

    assert order(api) == ids([first, behind, second])
    lane = Lane.objects.get(user=user)
    assert (lane.waiting, lane.waiting_background) == (3, 0)


@pytest.mark.parametrize(
    "body", [{}, {"to": "nowhere"}, {"to": "front", "before": str(uuid.uuid4())}, {"before": "x"}]
)
def test_a_move_to_nowhere_is_refused(
    api: APIClient, user: User, starter: GenerationModel, body: dict[str, Any]
) -> None:
    job = make_job(user, starter)

    assert api.post(f"{URL}/{job.id}/move", body, format="json").status_code == 422


def test_what_does_not_wait_is_not_moved(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    make_job(user, starter)
    waiting = make_job(user, starter)
    running = claimed()

    moved = api.post(f"{URL}/{running.id}/move", {"to": "front"}, format="json")
    beside = api.post(f"{URL}/{waiting.id}/move", {"before": str(running.id)}, format="json")
    itself = api.post(f"{URL}/{waiting.id}/move", {"before": str(waiting.id)}, format="json")

    assert (moved.status_code, beside.status_code, itself.status_code) == (409, 409, 422)


def test_a_paused_queue_starts_nothing_and_what_runs_goes_on(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    make_job(user, starter)
    job = claimed()
    make_job(user, starter)

    body = api.post(f"{QUEUE}/pause").json()
    end(job)

    assert body["paused"] is True
    assert body["running"][0]["cancel_requested"] is False
    assert body["waiting"][0]["queue"] == {
        "position": 1,
        "waiting_for": "paused",
        "starts_in": None,
    }
    assert claim() is None
    assert api.post(f"{QUEUE}/resume").json()["paused"] is False
    assert claim() is not None


def test_a_queue_is_paused_before_there_is_anything_in_it(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    api.post(f"{QUEUE}/pause")
    start_subscription(user=user, plan=PLANS["studio"])  # another tier
    make_job(user, starter)

    assert api.get(QUEUE).json()["paused"] is True
    assert claim() is None
    api.post(f"{QUEUE}/resume")
    assert claim() is not None


@pytest.mark.django_db(transaction=True)
def test_there_is_one_wake_up_for_each_due_job(user: User, starter: GenerationModel) -> None:
    start_subscription(user=user, plan=PLANS["studio"])  # three at once
    make_batch(user, starter, 5)
    assert waiting_messages() == 3
    make_job(user, starter)
    assert waiting_messages() == 3

    first = claimed()
    end(first)
    assert waiting_messages() == 4

    queue.pause_queue(user=user)
    assert waiting_messages() == 4
    make_job(user, starter)
    assert waiting_messages() == 4
    assert wake_forgotten_jobs() == 0


@pytest.mark.django_db(transaction=True)
def test_a_smaller_plan_wakes_no_more_than_it_lets_run(
    user: User, starter: GenerationModel
) -> None:
    start_subscription(user=user, plan=PLANS["studio"])
    make_batch(user, starter, 5)
    Subscription.objects.filter(user=user, plan="studio").delete()
    start_subscription(user=user, plan=PLANS["pro"])

    make_batch(user, starter, 4)

    assert waiting_messages() == 3


@pytest.mark.django_db(transaction=True)
def test_resuming_wakes_what_is_due_and_only_once(user: User, starter: GenerationModel) -> None:
    queue.pause_queue(user=user)
    make_batch(user, starter, 3)
    assert waiting_messages() == 0

    queue.resume_queue(user=user)
    queue.resume_queue(user=user)

    assert waiting_messages() == 1


@pytest.mark.django_db(transaction=True)
def test_a_job_handed_back_to_a_paused_queue_is_not_woken(
    user: User, starter: GenerationModel
) -> None:
    make_job(user, starter)
    job = claimed()
    queue.pause_queue(user=user)

    assert hand_back(user_id=user.id, job_id=job.id, attempt=1)

    assert waiting_messages() == 1  # the first one, which nobody took
    assert claim() is None


def test_clearing_cancels_all_but_the_running_job(
    api: APIClient, user: User, stranger: User, starter: GenerationModel
) -> None:
    make_batch(user, starter, 3)
    theirs = make_job(stranger, starter)
    running = claimed()

    assert api.post(f"{QUEUE}/clear").json() == {"count": 2}

    states = Job.objects.filter(user=user).values_list("state", flat=True)
    assert sorted(states) == ["cancelled", "cancelled", "running"]
    running.refresh_from_db()
    assert running.cancel_requested_at is None
    theirs.refresh_from_db()
    assert theirs.state == JobState.QUEUED
    assert audit_credits() == []


def test_clearing_stops_the_running_job_too_if_asked(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    make_batch(user, starter, 2)
    running = claimed()

    assert api.post(f"{QUEUE}/clear", {"running": True}, format="json").json() == {"count": 2}

    running.refresh_from_db()
    assert (running.state, running.cancel_requested_at is not None) == (JobState.RUNNING, True)


@pytest.mark.parametrize("new_seed", [False, True])
def test_a_failed_job_is_tried_again_as_another_one(
    api: APIClient, user: User, starter: GenerationModel, new_seed: bool
) -> None:
    make_job(user, starter, seed=7)
    job = claimed()
    fail_job(user_id=user.id, job_id=job.id, attempt=1, code=ErrorCode.INTERNAL)

    response = api.post(f"{URL}/{job.id}/retry", {"new_seed": new_seed}, format="json")

    assert response.status_code == 202
    body = response.json()
    assert body["id"] != str(job.id)
    assert (body["prompt"], body["state"]) == ("a red circle", "queued")
    assert (body["seed"] == 7) is not new_seed
    assert get_receipt(user=user, job_id=body["id"]).held == 1
    job.refresh_from_db()
    assert job.state == JobState.FAILED


def test_only_what_failed_or_was_cancelled_is_tried_again(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    make_job(user, starter)
    assert api.post(f"{URL}/{claimed().id}/retry").status_code == 409
    assert Job.objects.count() == 1


def test_pruning_takes_ended_jobs_off_the_list_and_nothing_else(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    make_batch(user, starter, 2)
    done = claimed()
    end(done)
    assert [job["id"] for job in api.get(QUEUE).json()["ended"]] == [str(done.id)]

    assert api.post(f"{QUEUE}/prune").json() == {"count": 1}
    assert api.post(f"{QUEUE}/prune").json() == {"count": 0}

    body = api.get(QUEUE).json()
    assert (body["ended"], len(body["waiting"])) == ([], 1)
    assert api.get(f"{URL}/{done.id}").status_code == 200
    assert api.get(f"{URL}/{done.id}/receipt").json()["charged"] == 1
    assert Image.objects.count() == 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("move", {"to": "front"}),
        ("retry", {}),
        ("cancel", {}),
    ],
)
def test_a_stranger_gets_404_and_changes_nothing(
    stranger_api: APIClient, user: User, starter: GenerationModel, path: str, body: dict[str, Any]
) -> None:
    jobs = make_batch(user, starter, 2)
    before = list(Job.objects.order_by("id").values())

    response = stranger_api.post(f"{URL}/{jobs[1].id}/{path}", body, format="json")
    batch = stranger_api.post(f"{URL}/batch/{jobs[0].batch_id}/cancel")

    assert (response.status_code, batch.status_code) == (404, 404)
    assert list(Job.objects.order_by("id").values()) == before


def test_a_stranger_cannot_be_moved_beside(
    stranger_api: APIClient, user: User, stranger: User, starter: GenerationModel
) -> None:
    theirs = make_job(user, starter)
    own = make_job(stranger, starter)

    response = stranger_api.post(f"{URL}/{own.id}/move", {"before": str(theirs.id)}, format="json")

    assert response.status_code == 404


def test_a_strangers_queue_is_not_touched_by_ones_own(
    stranger_api: APIClient, user: User, starter: GenerationModel
) -> None:
    make_batch(user, starter, 2)
    before = list(Job.objects.order_by("id").values())

    assert stranger_api.get(QUEUE).json()["waiting"] == []
    for action in ("pause", "clear", "prune", "resume"):
        assert stranger_api.post(f"{QUEUE}/{action}").status_code == 200

    assert list(Job.objects.order_by("id").values()) == before
    assert Lane.objects.get(user=user).paused_at is None


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT easel_lock_lanes(%s)",
        "SELECT easel_open_lane(%s, 'basic')",
        "SELECT easel_pause_queue(%s, 'basic', true)",
        "SELECT * FROM easel_rivals(%s, 'basic')",
    ],
)
def test_the_functions_of_the_queue_refuse_another_user(
    user: User, stranger: User, statement: str
) -> None:
    with (
        pytest.raises(Exception, match="queue of another user"),
        tenant_scope(stranger.id),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement, [user.id])


def test_a_user_sees_nothing_of_the_lanes_of_others(user: User, starter: GenerationModel) -> None:
    make_job(user, starter)
    other = make_user("other@example.com")

    with tenant_scope(other.id):
        assert not Lane.objects.exists()
