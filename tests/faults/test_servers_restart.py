"""The servers beneath go away and come back; the scheduler dies; messages come thrice or never."""

import time
from collections.abc import Callable, Iterator

import pytest
import redis
from django.conf import settings
from django.db import connection

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.tenancy import tenant_scope
from apps.generation.models import Job, JobState
from apps.generation.services.jobs import cancel_job
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from apps.plans.tiers import TIER_BY_QUEUE
from tests.factories import make_job, make_user
from tests.faults.ends import LONG, QUEUES, check_books, state, wait_for_end, wait_for_steps
from tests.plugins.servers import postgres_server, valkey_server
from tests.queues import empty_queues, waiting_messages
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SECONDS_AWAY = 2


@pytest.fixture
def waiting(user: User, starter: GenerationModel) -> list[Job]:
    """Jobs of three users, the first one's being long."""
    others = [make_user(f"other{number}@example.com") for number in range(2)]
    return [make_job(user, starter, **LONG), *(make_job(each, starter) for each in others)]


@pytest.fixture
def away() -> Iterator[Callable[[str], None]]:
    """Return a function that takes a server away, by a kill, and brings it back."""
    servers = {"postgres": postgres_server(), "valkey": valkey_server()}

    def restart(name: str) -> None:
        connection.close()
        servers[name].kill()
        time.sleep(SECONDS_AWAY)
        servers[name].start()

    yield restart
    for server in servers.values():
        if server.pid is None:
            server.start()


@pytest.mark.parametrize("server", ["postgres", "valkey"])
def test_a_server_that_crashes_in_mid_job_costs_time_alone(
    server: str,
    stack: Stack,
    waiting: list[Job],
    away: Callable[[str], None],
    stored_files: Callable[[], set[str]],
) -> None:
    stack.start_scheduler()
    stack.start_worker(queues=QUEUES)
    wait_for_steps(waiting[0])

    away(server)
    wait_for_end(*waiting)

    check_books(stored_files, *waiting)


def test_a_job_asked_for_while_the_queue_is_away_is_accepted_and_woken_later(
    stack: Stack,
    user: User,
    starter: GenerationModel,
    stored_files: Callable[[], set[str]],
) -> None:
    stack.start_scheduler()
    stack.start_worker(queues=QUEUES)
    valkey_server().stop()
    try:
        job = make_job(user, starter)
    finally:
        valkey_server().start()
    assert state(job) == JobState.QUEUED

    wait_for_end(job)

    check_books(stored_files, job)


def test_a_killed_scheduler_is_made_up_for_by_the_next_one(
    stack: Stack,
    waiting: list[Job],
    user: User,
    starter: GenerationModel,
    stored_files: Callable[[], set[str]],
) -> None:
    stack.start_scheduler()
    stack.start_worker(queues=QUEUES, name="doomed")
    wait_for_steps(waiting[0])
    stack.kill("scheduler")
    stack.kill("doomed")
    empty_queues()

    stack.start_scheduler()
    stack.start_worker(queues=QUEUES)
    late = make_job(user, starter, seed=7)
    wait_for_end(*waiting, late)

    check_books(stored_files, *waiting, late)


@pytest.mark.parametrize("delivery", ["three times", "in reverse", "never"])
def test_however_messages_are_delivered_each_job_ends_once(
    delivery: str,
    stack: Stack,
    user: User,
    starter: GenerationModel,
    stored_files: Callable[[], set[str]],
) -> None:
    start_subscription(user=user, plan=PLANS["studio"])
    jobs = [make_job(user, starter, seed=seed) for seed in range(3)]
    deliver(delivery)

    stack.start_scheduler()
    stack.start_worker(queues=QUEUES, name="first")
    stack.start_worker(queues=QUEUES, name="second")
    wait_for_end(*jobs)
    wait_until(lambda: not waiting_messages(), seconds=30, what="taking every message")

    assert [Job.objects.get(id=job.id).attempt for job in jobs] == [1, 1, 1]
    check_books(stored_files, *jobs)


def deliver(how: str) -> None:
    """Change what lies in the queues: every message thrice, the last one first, or none at all."""
    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as client:
        for queue in TIER_BY_QUEUE:
            messages = client.lrange(queue, 0, -1)
            client.delete(queue)
            if messages and how != "never":
                again = messages * 3 if how == "three times" else messages[::-1]
                client.rpush(queue, *again)


def test_a_cancel_is_heeded_while_redis_is_away(
    stack: Stack, user: User, starter: GenerationModel, stored_files: Callable[[], set[str]]
) -> None:
    stack.start_worker(queues=QUEUES)
    job = make_job(user, starter, **LONG)
    wait_for_steps(job)
    valkey = valkey_server()

    valkey.kill()
    try:
        with tenant_scope(user.id):
            cancel_job(user=user, job_id=job.id)
        wait_until(lambda: state(job) == JobState.CANCELLED, seconds=60, what="the cancel")
    finally:
        valkey.start()

    assert stored_files() == set()
