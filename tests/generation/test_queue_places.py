"""Where a waiting job stands, what it waits for, and when it is said to start."""

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.generation.models import Job, Lane, Priority
from apps.generation.queue_selectors import WaitingFor, get_queue, places_of, queue_event
from apps.generation.services.queue import clear_queue, move_beside
from apps.generation.services.workers import report_worker
from apps.plans.tiers import GpuTier
from tests.factories import make_batch, make_job, make_sign
from tests.generation.turns import claimed, end
from tests.queries import counted_queries

QUEUE = "/api/v1/queue"

pytestmark = pytest.mark.usefixtures("starter")


@pytest.fixture
def one_worker(db: None) -> None:
    report_worker(sign=make_sign(tiers=list(GpuTier)))


def places(user: User) -> list[tuple[int, str, float | None, float | None]]:
    found = get_queue(user=user)
    listed = [found.places[job.id] for job in found.waiting]
    return [
        (
            place.position,
            place.waiting_for.value,
            None if place.earliest is None else round(place.earliest),
            None if place.latest is None else round(place.latest),
        )
        for place in listed
    ]


def expect(seconds: float) -> None:
    Job.objects.update(expected_seconds=seconds)


def test_without_a_worker_nothing_is_promised(user: User, starter: GenerationModel) -> None:
    make_batch(user, starter, 2)

    assert places(user) == [(1, "worker", None, None), (2, "own_job", None, None)]


@pytest.mark.usefixtures("one_worker")
def test_with_a_free_worker_the_first_starts_at_once_and_the_others_after_it(
    user: User, starter: GenerationModel
) -> None:
    make_batch(user, starter, 3)
    expect(10)

    assert places(user) == [
        (1, "worker", 0, 0),
        (2, "own_job", 10, 10),
        (3, "own_job", 20, 20),
    ]


@pytest.mark.usefixtures("one_worker")
def test_behind_the_own_running_job_the_rest_of_it_counts(
    user: User, starter: GenerationModel
) -> None:
    make_batch(user, starter, 2)
    claimed()
    expect(10)

    assert places(user) == [(1, "own_job", 10, 20)]


@pytest.mark.usefixtures("one_worker")
def test_others_make_the_latest_start_later_and_not_the_earliest(
    user: User, stranger: User, starter: GenerationModel
) -> None:
    make_job(stranger, starter)
    make_job(stranger, starter)
    claimed()
    make_batch(user, starter, 2)
    expect(10)
    # As the quotes would have had it.
    Lane.objects.update(waiting_seconds=10)

    (_, first_for, first_earliest, first_latest), second = places(user)

    assert (first_for, first_earliest) == (WaitingFor.WORKER, 0)
    assert first_latest is not None
    assert first_latest >= 10
    assert second[2] == 10
    assert second[3] is not None
    assert second[3] > first_latest


@pytest.mark.usefixtures("one_worker")
def test_in_the_background_nobody_can_tell_the_latest_start(
    user: User, stranger: User, starter: GenerationModel
) -> None:
    make_job(stranger, starter)
    make_job(user, starter, priority=Priority.BACKGROUND)

    ((_, waiting_for, earliest, latest),) = places(user)

    assert (waiting_for, latest) == (WaitingFor.IDLE, None)
    assert earliest is not None


@pytest.mark.parametrize("count", [1, 20])
def test_a_queue_costs_the_same_queries_at_any_length(
    api: APIClient, user: User, starter: GenerationModel, count: int
) -> None:
    for _number in range(count):
        end_one(user, starter)
    make_batch(user, starter, count)
    api.get(QUEUE)

    with counted_queries() as queries:
        assert len(api.get(QUEUE).json()["waiting"]) == count

    # tenant, user; lanes, waiting, running, ended, rivals; pictures
    assert len(queries) == 9


def of_work(queries: list[str]) -> list[str]:
    return [sql for sql in queries if '"generation_job"."work"' in sql.split(" FROM ")[0]]


@pytest.mark.parametrize("path", [QUEUE, "/api/v1/generations"])
def test_lists_fetch_no_work_which_may_be_a_large_document(
    api: APIClient, user: User, starter: GenerationModel, path: str
) -> None:
    end_one(user, starter)
    make_batch(user, starter, 3)
    claimed()

    with counted_queries() as queries:
        assert api.get(path).status_code == 200

    assert of_work(queries) == []


def test_what_is_done_to_a_queue_fetches_the_work_of_the_jobs_named_alone(
    user: User, starter: GenerationModel
) -> None:
    jobs = make_batch(user, starter, 4)
    claimed()

    with counted_queries() as told:
        assert len(places_of(user=user, jobs=jobs)) == queue_event(user=user)["waiting"] == 3
    with counted_queries() as moved:
        move_beside(user=user, job_id=jobs[3].id, other_id=jobs[1].id, after=False)
    with counted_queries() as cleared:
        assert clear_queue(user=user) == 3

    assert of_work(told) == of_work(cleared) == []
    assert len(of_work(moved)) == 2


def end_one(user: User, starter: GenerationModel) -> None:
    make_job(user, starter)
    end(claimed())


def test_a_job_that_does_not_wait_has_no_place(user: User, starter: GenerationModel) -> None:
    make_job(user, starter)
    job = claimed()

    with counted_queries() as queries:
        assert places_of(user=user, jobs=[job]) == {}

    assert queries == []
