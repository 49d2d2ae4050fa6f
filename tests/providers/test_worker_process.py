"""A worker process that dies, or is asked to end, while a provider works for it."""

import signal
from collections.abc import Iterator

import pytest

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.generation.models import Job, JobState
from apps.generation.receipts import get_receipt
from apps.images.models import Image
from apps.plans.tiers import TIER_BY_QUEUE
from apps.providers.models import CallOutcome, ProviderCall
from tests.database import session_database_url
from tests.providers.running import MEDIUM, ask, charged
from tests.providers.stand_in import OPENAI_KEY, StandIn
from tests.stack import Stack, wait_until

pytestmark = [
    pytest.mark.slow,
    # Two workers are started one after the other.
    pytest.mark.timeout(900),
    pytest.mark.django_db(transaction=True),
]

QUEUES = ",".join(TIER_BY_QUEUE)


@pytest.fixture
def stack(stand_in: StandIn) -> Iterator[Stack]:
    environment = {
        "EASEL_DATABASE_URL": session_database_url(),
        "EASEL_OPENAI_URL": stand_in.openai_url,
        "EASEL_OPENAI_API_KEY": OPENAI_KEY,
        "EASEL_LEASE_SECONDS": "3",
        "EASEL_SWEEP_SECONDS": "0.5",
    }
    with Stack(environment) as running:
        running.start_worker(queues=QUEUES)
        yield running
        stand_in.let_go.set()


def under_way(stand_in: StandIn, user: User, model: GenerationModel) -> Job:
    stand_in.then(stand_in.hold)
    job = ask(user, model)
    assert stand_in.held.wait(60)
    return job


def wait_for_end(job: Job) -> None:
    def has_ended() -> bool:
        job.refresh_from_db()
        return job.state == JobState.SUCCEEDED

    wait_until(has_ended, seconds=90, what="the end of the job")


def test_a_killed_worker_costs_the_user_nothing_and_another_one_makes_the_picture(
    stack: Stack, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    job = under_way(stand_in, pro, models[MEDIUM])

    stack.kill("worker")
    stack.start_scheduler()
    stack.start_worker(queues=QUEUES, name="other")
    wait_for_end(job)

    assert (job.attempt, charged(job), Image.objects.count()) == (2, 11, 1)
    lost, made = get_receipt(user=pro, job_id=job.id).attempts
    assert (lost.charged, made.charged) == (0, 11)
    calls = ProviderCall.objects.order_by("attempt")
    assert [(call.outcome, call.cost_micros) for call in calls] == [
        (CallOutcome.BEGUN, 34_000),
        (CallOutcome.MADE, 34_000),
    ]


def test_a_worker_that_is_asked_to_end_waits_for_the_provider(
    stack: Stack, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    job = under_way(stand_in, pro, models[MEDIUM])

    stack.send_signal("worker", signal.SIGTERM)
    assert not stack.has_ended("worker")
    stand_in.let_go.set()
    wait_for_end(job)

    assert (job.attempt, charged(job)) == (1, 11)
    wait_until(lambda: stack.has_ended("worker"), seconds=30, what="the end of the worker")


def test_beyond_its_grace_a_worker_hands_the_job_back(
    stack: Stack, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    job = under_way(stand_in, pro, models[MEDIUM])

    # The second time there is no grace.
    stack.send_signal("worker", signal.SIGTERM)
    stack.send_signal("worker", signal.SIGTERM)
    wait_until(lambda: stack.has_ended("worker"), seconds=60, what="the end of the worker")

    job.refresh_from_db()
    assert (job.state, job.attempt, job.hand_backs) == (JobState.QUEUED, 1, 1)
    assert ProviderCall.objects.get().outcome == CallOutcome.BEGUN
