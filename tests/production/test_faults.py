"""Whatever is killed, restarted or lost beneath the jobs: each ends once, with its picture."""

import os
import signal
import time
import uuid

import pytest

from apps.plans.tiers import TIERS, GpuTier
from tests.production.client import LONG, Visitor
from tests.production.run import Run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

SECONDS_AWAY = 3


def test_a_worker_killed_in_mid_job_loses_nothing(run: Run, demo: Visitor) -> None:
    job = demo.ask(**LONG)
    demo.wait_for_start(job)
    run.kill("worker-highperf")
    demo.wait_for_end(job)

    assert attempts(run, job) == 2
    run.check_books(demo, job)


@pytest.mark.parametrize("server", ["postgres", "redis", "pgbouncer", "aws", "standby"])
def test_a_server_that_is_away_in_mid_job_costs_time_alone(
    server: str, run: Run, demo: Visitor, newcomer: Visitor
) -> None:
    job, other = demo.ask(**LONG), newcomer.ask(**LONG)
    demo.wait_for_start(job)
    away(run, server)
    demo.wait_for_end(job)
    newcomer.wait_for_end(other)
    late = demo.ask()
    demo.wait_for_end(late)

    run.check_books(demo, job, late)
    run.check_books(newcomer, other)


def test_pages_are_read_from_the_writer_while_the_replica_is_gone(run: Run, demo: Visitor) -> None:
    run.control("stop", "standby")
    try:
        for path in ("/api/v1/images", "/gallery/", "/api/v1/generations", "/api/v1/usage"):
            assert demo.http.get(path).status_code == 200, path
    finally:
        run.control("start", "standby")


@pytest.mark.parametrize("delivery", ["three times", "never"])
def test_however_messages_are_delivered_each_job_ends_once(
    delivery: str, run: Run, demo: Visitor
) -> None:
    run.control("stop", "worker-highperf")
    jobs = [demo.ask(seed=seed) for seed in range(3)]
    deliver(run, delivery)
    run.control("start", "worker-highperf")
    demo.wait_for_end(*jobs)

    assert [attempts(run, job) for job in jobs] == [1, 1, 1]
    run.check_books(demo, *jobs)


def attempts(run: Run, job: str) -> int:
    ((attempt,),) = run.query("SELECT attempt FROM generation_job WHERE id = %s", job)
    return int(attempt)


def away(run: Run, server: str) -> None:
    """Take a server away and bring it back: a crash of the database, an orderly end of others.

    The stand-in of AWS would forget everything, which S3 and SQS do not: it hangs instead.
    """
    if server == "postgres":
        run.kill(server)
    elif server == "aws":
        pid = run.pid(server)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(SECONDS_AWAY)
        os.kill(pid, signal.SIGCONT)
    else:
        run.control("stop", server)
        time.sleep(SECONDS_AWAY)
        run.control("start", server)


def deliver(run: Run, how: str) -> None:
    """Change what lies in the larger tier's queue: every message thrice, or none at all."""
    client = run.client("sqs")
    name = TIERS[GpuTier.HIGH_PERFORMANCE].queue
    queue = run.state.environment["EASEL_SQS_QUEUE_URL_PREFIX"] + name
    if how == "never":
        client.purge_queue(QueueUrl=queue)
        return
    answer = client.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
    messages = answer.get("Messages", [])
    assert messages
    for message in messages:
        client.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        for _time in range(3):
            own = str(uuid.uuid4())
            client.send_message(
                QueueUrl=queue,
                MessageBody=message["Body"],
                MessageGroupId=own,
                MessageDeduplicationId=own,
            )
