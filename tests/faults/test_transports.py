"""The same wake-ups on Valkey and on SQS, and what a queue service does to them."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.generation.models import Job, JobState
from apps.generation.queues import BrokerAwayError, Depth, measure_depths
from apps.generation.services.dead_letters import drain_dead_letters
from apps.generation.services.leases import claim_next_job, wake_forgotten_jobs
from apps.generation.wakeups import send_wakeup
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from apps.plans.tiers import TIERS, GpuTier
from config import broker
from config.local.production_like.aws import MAX_RECEIVES
from config.local.valkey import temporary_valkey
from tests.factories import make_job
from tests.faults.ends import check_books, wait_for_end, wait_for_steps
from tests.sqs import SqsServer, celery_on, celery_on_sqs
from tests.stack import Stack, wait_until

BASIC = TIERS[GpuTier.BASIC].queue
DEAD = broker.dead_letter_queue(BASIC)
LONG = {"steps": 60}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sqs() -> Iterator[SqsServer]:
    """Have an SQS server, and this process's Celery on it."""
    with SqsServer() as server, celery_on_sqs(server):
        yield server


@pytest.fixture(params=["valkey", "sqs"])
def broker_that_is_away(request: pytest.FixtureRequest) -> Iterator[Callable[[], Any]]:
    """Have Celery on a port that refuses; return what starts a broker there and counts."""
    with ExitStack() as stack:
        if request.param == "sqs":
            server = SqsServer()
            stack.callback(server.stop)
            stack.enter_context(celery_on_sqs(server))
            yield server.start
        else:
            valkey = stack.enter_context(temporary_valkey())
            valkey.stop()
            stack.enter_context(celery_on(valkey.url, broker.transport_options(url=None)))
            yield valkey.start


def receive(server: SqsServer, queue: str = BASIC, **options: Any) -> list[dict[str, Any]]:
    answer = server.client.receive_message(
        QueueUrl=server.queue_url_prefix + queue,
        MaxNumberOfMessages=10,
        MessageSystemAttributeNames=["All"],
        **options,
    )
    found: list[dict[str, Any]] = answer.get("Messages", [])
    return found


def test_a_wakeup_is_grouped_and_deduplicated_by_job_attempt_and_wake_count(
    sqs: SqsServer, user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter)
    job.refresh_from_db()
    send_wakeup(job)

    found = [message["Attributes"] for message in receive(sqs)]

    assert [facts["MessageGroupId"] for facts in found] == [f"{job.id}-0-0", f"{job.id}-0-1"]
    assert [facts["MessageDeduplicationId"] for facts in found] == [
        f"{job.id}-0-0",
        f"{job.id}-0-1",
    ]


def test_a_job_is_woken_again_although_its_last_wakeup_is_in_flight(
    sqs: SqsServer, user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter)
    assert len(receive(sqs)) == 1  # taken, not deleted: its group is blocked

    Job.objects.update(woken_at=timezone.now() - timedelta(seconds=11))
    assert wake_forgotten_jobs() == 1

    assert len(receive(sqs)) == 1
    job.refresh_from_db()
    assert job.wake_count == 2


def test_the_control_two_messages_of_one_group_block_each_other(sqs: SqsServer) -> None:
    for number in range(2):
        sqs.client.send_message(
            QueueUrl=sqs.queue_url_prefix + BASIC,
            MessageBody="{}",
            MessageGroupId="one",
            MessageDeduplicationId=str(number),
        )

    assert len(receive_one(sqs)) == 1
    assert receive_one(sqs) == []


def receive_one(server: SqsServer) -> list[dict[str, Any]]:
    answer = server.client.receive_message(QueueUrl=server.queue_url_prefix + BASIC)
    found: list[dict[str, Any]] = answer.get("Messages", [])
    return found


def test_depth_and_dead_letters_are_counted_by_tier(
    sqs: SqsServer, user: User, starter: GenerationModel
) -> None:
    make_job(user, starter)

    depths = measure_depths()

    assert depths[GpuTier.BASIC] == Depth(messages=1, dead_letters=0)
    assert depths[GpuTier.DEDICATED] == Depth(messages=0, dead_letters=0)


def test_valkey_has_a_depth_and_no_dead_letters(user: User, starter: GenerationModel) -> None:
    make_job(user, starter)

    assert measure_depths()[GpuTier.BASIC] == Depth(messages=1, dead_letters=None)
    assert drain_dead_letters() == 0


def make_dead(server: SqsServer) -> None:
    """Take every message as often as it may be, and delete none."""
    for _time in range(MAX_RECEIVES + 1):
        receive(server, VisibilityTimeout=0)


def test_a_dead_letter_of_a_due_job_wakes_it_and_raises_an_alarm(
    sqs: SqsServer, user: User, starter: GenerationModel, caplog: pytest.LogCaptureFixture
) -> None:
    job = make_job(user, starter)
    make_dead(sqs)
    assert measure_depths()[GpuTier.BASIC] == Depth(messages=0, dead_letters=1)

    with caplog.at_level(logging.ERROR):
        assert drain_dead_letters() == 1

    assert measure_depths()[GpuTier.BASIC] == Depth(messages=1, dead_letters=0)
    assert sqs.count(DEAD) == (0, 0)
    (alarm,) = [record.msg for record in caplog.records if record.levelno == logging.ERROR]
    assert isinstance(alarm, dict)
    assert (alarm["event"], alarm["job_id"], alarm["woken"]) == ("dead_letter", str(job.id), True)
    assert drain_dead_letters() == 0


def test_a_dead_letter_of_a_job_that_runs_is_only_an_alarm(
    sqs: SqsServer, user: User, starter: GenerationModel
) -> None:
    make_job(user, starter)
    make_dead(sqs)
    claim_next_job(tiers=[GpuTier.BASIC], worker="w")

    assert drain_dead_letters() == 1

    assert measure_depths()[GpuTier.BASIC] == Depth(messages=0, dead_letters=0)


@pytest.mark.parametrize("body", ["not even JSON", json.dumps({"body": "x"})])
def test_a_dead_letter_that_nobody_can_read_is_removed_too(sqs: SqsServer, body: str) -> None:
    sqs.client.send_message(
        QueueUrl=sqs.queue_url_prefix + DEAD,
        MessageBody=body,
        MessageGroupId="x",
        MessageDeduplicationId="x",
    )

    assert drain_dead_letters() == 1
    assert sqs.count(DEAD) == (0, 0)


def test_a_job_is_accepted_while_the_broker_is_away_and_woken_when_it_is_back(
    broker_that_is_away: Callable[[], Any], user: User, starter: GenerationModel
) -> None:
    started = time.monotonic()
    job = make_job(user, starter)
    seconds = time.monotonic() - started

    job.refresh_from_db()
    assert (job.state, job.woken_at) == (JobState.QUEUED, None)
    assert seconds < 3
    with pytest.raises(BrokerAwayError):
        measure_depths()
    broker_that_is_away()
    Job.objects.update(created_at=timezone.now() - timedelta(seconds=2))
    assert wake_forgotten_jobs() == 1
    assert measure_depths()[GpuTier.BASIC].messages == 1
    job.refresh_from_db()
    assert job.woken_at is not None


def test_a_queue_that_is_not_there_is_a_broker_that_is_away(
    sqs: SqsServer, user: User, starter: GenerationModel
) -> None:
    sqs.forget()
    job = make_job(user, starter)

    job.refresh_from_db()
    assert (job.state, job.woken_at) == (JobState.QUEUED, None)
    sqs.create_queues()
    assert send_wakeup(job)


def test_sqs_without_the_addresses_of_its_queues_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="EASEL_SQS_QUEUE_URL_PREFIX"):
        broker.transport_options(url="sqs://", queue_url_prefix=None)


def test_nothing_that_sqs_lacks_is_used() -> None:
    conf = current_app.conf

    assert not conf.worker_enable_remote_control
    assert not conf.worker_send_task_events
    assert not conf.task_acks_late
    assert all(queue.no_ack for queue in conf.task_queues)
    assert all(queue.max_priority is None for queue in conf.task_queues)
    assert {queue.name for queue in conf.task_queues} == {spec.queue for spec in TIERS.values()}


@pytest.fixture
def sqs_stack(stack: Stack) -> Iterator[tuple[Stack, SqsServer]]:
    """Have processes on SQS whose queues give a message out again after four seconds."""
    with SqsServer(visibility_seconds=4) as server, celery_on_sqs(server):
        stack.environment |= server.environment | {"EASEL_LEASE_SECONDS": "10"}
        yield stack, server


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_worker_on_sqs_deletes_a_wakeup_before_the_job_begins(
    sqs_stack: tuple[Stack, SqsServer],
    user: User,
    starter: GenerationModel,
    stored_files: Callable[[], set[str]],
) -> None:
    stack, server = sqs_stack
    stack.start_worker(queues=BASIC)
    job = make_job(user, starter, **LONG)
    wait_for_steps(job)

    assert job.state in {JobState.QUEUED, JobState.RUNNING}
    assert server.count(BASIC) == (0, 0)
    wait_for_end(job)

    assert job.attempt == 1
    assert server.count(DEAD) == (0, 0)
    check_books(stored_files, job)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_worker_goes_on_when_sqs_was_restarted_empty(
    sqs_stack: tuple[Stack, SqsServer],
    user: User,
    starter: GenerationModel,
    stored_files: Callable[[], set[str]],
) -> None:
    stack, server = sqs_stack
    start_subscription(user=user, plan=PLANS["starter"])
    stack.start_scheduler()
    stack.start_worker(queues=BASIC)
    first = make_job(user, starter)
    wait_for_end(first)

    server.stop()
    away = make_job(user, starter, seed=2)
    wait_until(lambda: "receive_failed" in stack.log("worker"), seconds=60, what="a failed poll")
    server.start(with_queues=False)
    wait_until(lambda: "receive_refused" in stack.log("worker"), seconds=60, what="a refusal")
    server.create_queues()
    wait_for_end(away, seconds=120)

    check_books(stored_files, first, away)


@pytest.mark.slow
def test_a_worker_on_sqs_refuses_to_listen_to_several_tiers(
    sqs_stack: tuple[Stack, SqsServer],
) -> None:
    stack, _server = sqs_stack

    with pytest.raises(RuntimeError, match="one tier alone"):
        stack.start_worker(queues=",".join(spec.queue for spec in TIERS.values()))
