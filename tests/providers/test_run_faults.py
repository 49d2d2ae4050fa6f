"""What goes wrong at a provider, beside a GPU and with a worker, and what it costs whom."""

import logging
import time
from typing import Any

import pytest

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.errors import ErrorCode
from apps.credits.selectors import read_balance
from apps.generation.models import Job, JobState
from apps.generation.receipts import get_receipt
from apps.generation.services.jobs import cancel_job
from apps.generation.services.leases import claim_next_job, recover_expired_jobs
from apps.images.models import Image
from apps.plans.models import Subscription
from apps.plans.tiers import GpuTier
from apps.providers.models import CallOutcome, ProviderCall
from gpu_tasks.engine import Engine
from gpu_tasks.runner import JobRunner
from tests.factories import make_job
from tests.providers.factories import OWN_KEY
from tests.providers.running import MEDIUM, ask, charged, keep_own_key, run
from tests.providers.stand_in import (
    Behaviour,
    StandIn,
    body,
    broken_off,
    status,
)
from tests.stack import wait_until

# The threads beside the GPU have connections of their own.
pytestmark = pytest.mark.django_db(transaction=True)


OWN_AND_HOUSE: list[tuple[str, Behaviour, ErrorCode, ErrorCode]] = [
    (
        "rejected",
        status(401, "invalid_api_key"),
        ErrorCode.IMAGE_PROVIDER_UNAVAILABLE,
        ErrorCode.IMAGE_PROVIDER_KEY_REJECTED,
    ),
    (
        "empty",
        status(429, "insufficient_quota"),
        ErrorCode.IMAGE_PROVIDER_UNAVAILABLE,
        ErrorCode.IMAGE_PROVIDER_KEY_EMPTY,
    ),
    (
        "limited",
        status(429, "rate_limit_exceeded", Retry_After="3600"),
        ErrorCode.IMAGE_PROVIDER_LIMITED,
        ErrorCode.IMAGE_PROVIDER_KEY_LIMITED,
    ),
    (
        "refused",
        status(400, "moderation_blocked"),
        ErrorCode.IMAGE_PROVIDER_REFUSED,
        ErrorCode.IMAGE_PROVIDER_REFUSED,
    ),
    (
        "invalid",
        status(400, "invalid_value"),
        ErrorCode.IMAGE_PROVIDER_INVALID,
        ErrorCode.IMAGE_PROVIDER_INVALID,
    ),
    (
        "failed",
        status(500),
        ErrorCode.IMAGE_PROVIDER_UNAVAILABLE,
        ErrorCode.IMAGE_PROVIDER_UNAVAILABLE,
    ),
    (
        "no-picture",
        body(b"no picture"),
        ErrorCode.IMAGE_PROVIDER_UNAVAILABLE,
        ErrorCode.IMAGE_PROVIDER_UNAVAILABLE,
    ),
]


@pytest.mark.parametrize(
    ("behaviour", "by_house", "by_own"),
    [fault[1:] for fault in OWN_AND_HOUSE],
    ids=[fault[0] for fault in OWN_AND_HOUSE],
)
def test_faults_cost_nothing_and_say_whose_they_are(
    runner: JobRunner,
    pro: User,
    models: dict[str, GenerationModel],
    stand_in: StandIn,
    behaviour: Behaviour,
    by_house: ErrorCode,
    by_own: ErrorCode,
) -> None:
    before = read_balance(user_id=pro.id)
    stand_in.then(behaviour, behaviour)
    first = run(runner, ask(pro, models[MEDIUM]))
    keep_own_key(pro, stand_in)
    second = run(runner, ask(pro, models[MEDIUM]))

    assert [(job.state, job.error_code, charged(job)) for job in (first, second)] == [
        (JobState.FAILED, by_house, 0),
        (JobState.FAILED, by_own, 0),
    ]
    assert read_balance(user_id=pro.id) == before
    # Nothing was asked for a second time.
    assert len(stand_in.calls) == 2
    assert not Image.objects.exists()


def test_too_many_calls_are_waited_out_where_the_wait_is_short(
    runner: JobRunner, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    stand_in.then(status(429, "rate_limit_exceeded", Retry_After="0.3"))
    began = time.monotonic()

    job = run(runner, ask(pro, models[MEDIUM]))

    assert (job.state, job.attempt, charged(job)) == (JobState.SUCCEEDED, 1, 11)
    assert time.monotonic() - began > 0.3
    calls = ProviderCall.objects.order_by("created_at")
    assert [(call.outcome, call.cost_micros) for call in calls] == [
        (CallOutcome.FAILED, 0),
        (CallOutcome.MADE, 34_000),
    ]


def test_a_timeout_is_not_repeated_and_counts_as_a_cost_of_ours(
    runner: JobRunner,
    pro: User,
    models: dict[str, GenerationModel],
    stand_in: StandIn,
    settings: Any,
) -> None:
    settings.EASEL_PROVIDER_TIMEOUT_SECONDS = 0.3
    stand_in.then(stand_in.hold)

    job = run(runner, ask(pro, models[MEDIUM]))

    assert (job.error_code, charged(job)) == (ErrorCode.IMAGE_PROVIDER_TIMEOUT, 0)
    call = ProviderCall.objects.get()
    assert (call.outcome, call.cost_micros) == (CallOutcome.UNSURE, 34_000)


def test_pictures_that_are_there_are_kept_when_a_later_call_fails(
    runner: JobRunner, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    stand_in.then(lambda _call, usual: usual, broken_off)

    job = run(runner, ask(pro, models["stable-image-core"], num_images=3))

    assert (job.state, charged(job)) == (JobState.SUCCEEDED, 9)
    assert Image.objects.count() == 1


def test_a_cancel_is_heeded_between_calls_and_what_was_made_is_kept(
    runner: JobRunner, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    stand_in.then(stand_in.hold)
    job = ask(pro, models["stable-image-core"], num_images=3)
    assert runner.run_next()
    assert stand_in.held.wait(10)
    (attempt,) = runner._beside.attempts

    cancel_job(user=pro, job_id=job.id)
    wait_until(lambda: attempt.lease.cancelled, seconds=10, what="the cancel to be seen")
    stand_in.let_go.set()
    runner.wait_for_all()

    job.refresh_from_db()
    assert (job.state, charged(job)) == (JobState.CANCELLED, 9)
    assert (len(stand_in.calls), Image.objects.count()) == (1, 1)


def test_the_gpu_works_on_while_a_provider_is_waited_for(
    runner: JobRunner,
    pro: User,
    stranger: User,
    starter: GenerationModel,
    models: dict[str, GenerationModel],
    stand_in: StandIn,
) -> None:
    stand_in.then(stand_in.hold)
    slow = ask(pro, models[MEDIUM])
    assert runner.run_next()
    assert stand_in.held.wait(10)

    quick = make_job(stranger, starter)
    assert runner.run_next()

    quick.refresh_from_db()
    slow.refresh_from_db()
    assert (quick.state, slow.state) == (JobState.SUCCEEDED, JobState.RUNNING)
    assert runner.current == slow
    stand_in.let_go.set()
    runner.wait_for_all()
    slow.refresh_from_db()
    assert slow.state == JobState.SUCCEEDED
    assert slow.finished_at is not None
    assert quick.finished_at is not None
    assert slow.finished_at > quick.finished_at
    assert runner.current is None


def test_while_all_places_are_taken_only_jobs_of_the_gpu_are_claimed(
    engine: Engine,
    pro: User,
    enterprise_stranger: User,
    starter: GenerationModel,
    models: dict[str, GenerationModel],
    stand_in: StandIn,
    settings: Any,
) -> None:
    settings.EASEL_PROVIDER_CALLS = 1
    runner = JobRunner(engine=engine, tiers=[GpuTier.BASIC], worker="test")
    stand_in.then(stand_in.hold)
    first = ask(pro, models[MEDIUM])
    assert runner.run_next()
    assert stand_in.held.wait(10)
    second = ask(enterprise_stranger, models[MEDIUM])

    # It stays in the line of its user, for whichever worker has a place first.
    assert not runner.run_next()
    second.refresh_from_db()
    assert (second.state, second.attempt) == (JobState.QUEUED, 0)
    other = JobRunner(engine=engine, tiers=[GpuTier.BASIC], worker="other")
    run(other, second)
    assert second.state == JobState.SUCCEEDED

    stand_in.let_go.set()
    runner.wait_for_all()
    first.refresh_from_db()
    assert first.state == JobState.SUCCEEDED


def test_a_lost_attempt_costs_the_user_nothing_and_us_what_it_may_have_cost(
    runner: JobRunner, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    stand_in.then(stand_in.hold)
    job = ask(pro, models[MEDIUM])
    assert runner.run_next()
    assert stand_in.held.wait(10)

    # As if its worker had died: its lease runs out, and another one begins anew.
    Job.objects.filter(id=job.id).update(lease_expires_at="2020-01-01T00:00Z")
    assert recover_expired_jobs() == 1
    again = JobRunner(engine=runner.engine, tiers=list(GpuTier), worker="other")
    run(again, job)
    assert (job.state, job.attempt, charged(job)) == (JobState.SUCCEEDED, 2, 11)
    stand_in.let_go.set()
    runner.wait_for_all()

    job.refresh_from_db()
    assert (job.attempt, charged(job), Image.objects.count()) == (2, 11, 1)
    calls = ProviderCall.objects.order_by("attempt")
    assert [(call.attempt, call.cost_micros) for call in calls] == [(1, 34_000), (2, 34_000)]
    receipt = get_receipt(user=pro, job_id=job.id)
    assert [attempt.charged for attempt in receipt.attempts] == [0, 11]


def test_a_worker_that_ends_hands_its_job_back_and_the_call_stays_on_record(
    runner: JobRunner, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    stand_in.then(stand_in.hold)
    job = ask(pro, models[MEDIUM])
    assert runner.run_next()
    assert stand_in.held.wait(10)

    runner.shutdown.begin(reason="test", grace_seconds=0)
    runner.let_go()

    job.refresh_from_db()
    assert (job.state, job.attempt, job.hand_backs) == (JobState.QUEUED, 1, 1)
    assert ProviderCall.objects.get().outcome == CallOutcome.BEGUN
    # A worker that ends in order waits for what is under way.
    stand_in.let_go.set()
    runner.wait_for_all()
    job.refresh_from_db()
    assert job.state == JobState.QUEUED
    assert not Image.objects.exists()


def test_no_key_comes_into_the_log_whatever_the_provider_repeats(
    runner: JobRunner,
    pro: User,
    models: dict[str, GenerationModel],
    stand_in: StandIn,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    keep_own_key(pro, stand_in)
    run(runner, ask(pro, models[MEDIUM]))
    # From now on the provider does not know it, and says so with the key in its words.
    stand_in.keys.discard(OWN_KEY)
    job = run(runner, ask(pro, models[MEDIUM]))

    assert job.error_code == ErrorCode.IMAGE_PROVIDER_KEY_REJECTED
    written = caplog.text + "".join(capfd.readouterr())
    assert "job_attempt_failed" in written
    assert OWN_KEY not in written


def test_a_plan_that_lacks_it_by_now_ends_the_job(
    runner: JobRunner, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    job = ask(pro, models[MEDIUM])
    Subscription.objects.filter(user=pro, plan="pro").delete()

    run(runner, job)

    assert (job.state, job.error_code) == (JobState.FAILED, ErrorCode.FEATURE_NOT_IN_PLAN)
    assert not stand_in.calls


def test_claims_pass_lanes_over_whose_next_job_is_unwanted(
    pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    ask(pro, models[MEDIUM])

    def claim(**asked: Any) -> Job | None:
        return claim_next_job(tiers=[GpuTier.BASIC], worker="w", **asked)

    assert claim(unwanted=[MEDIUM]) is None
    assert claim(unwanted=["other"]) is not None
