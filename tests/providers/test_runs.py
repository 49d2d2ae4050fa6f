"""Jobs of providers through the real runner, the real database and a provider on loopback."""

import io
import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image as PillowImage

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.errors import ErrorCode
from apps.credits.models import ActionType, MeasuredCost, UsageRecord
from apps.credits.selectors import holds_of_jobs, read_balance
from apps.credits.services.costs import measure_costs
from apps.generation.models import Job, JobState
from apps.generation.receipts import get_receipt
from apps.generation.services.jobs import cancel_job
from apps.generation.services.leases import claim_next_job, recover_expired_jobs
from apps.images.models import Image
from apps.images.selectors import read_file
from apps.plans.tiers import GpuTier
from apps.providers.models import CallOutcome, KeyOwner, ProviderCall
from apps.providers.services import delete_own_key, set_own_key
from gpu_tasks.engine import Engine
from gpu_tasks.providers import ProviderName
from gpu_tasks.runner import JobRunner
from tests.factories import make_image, make_job
from tests.providers.stand_in import (
    OPENAI_KEY,
    Behaviour,
    StandIn,
    body,
    broken_off,
    status,
)
from tests.stack import wait_until

# The threads beside the GPU have connections of their own.
pytestmark = pytest.mark.django_db(transaction=True)

OWN_KEY = "sk-own-key-of-the-user-7777"
MEDIUM = "gpt-image-1-5-medium"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(device="cpu")


@pytest.fixture
def runner(engine: Engine, stand_in: StandIn) -> Iterator[JobRunner]:
    runner = JobRunner(engine=engine, tiers=list(GpuTier), worker="test")
    yield runner
    stand_in.let_go.set()
    runner.wait_for_all()


def ask(user: User, model: GenerationModel, **settings: Any) -> Job:
    settings = {"steps": None, "seed": None} | settings
    return make_job(user, model, **settings)


def run(runner: JobRunner, job: Job) -> Job:
    assert runner.run_next()
    runner.wait_for_all()
    job.refresh_from_db()
    return job


def charged(job: Job) -> int | None:
    return holds_of_jobs(user_id=job.user_id, job_ids=[job.id])[job.id].charged


def keep_own_key(user: User, stand_in: StandIn) -> None:
    stand_in.keys.add(OWN_KEY)
    set_own_key(user=user, provider=ProviderName.OPENAI, key=OWN_KEY)


def test_pictures_of_a_provider_come_into_the_gallery_at_a_price_a_picture(
    runner: JobRunner, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    before = read_balance(user_id=pro.id).available
    job = ask(pro, models[MEDIUM], num_images=3, width=1536, height=1024)
    assert (job.tier, job.expected_seconds) == (GpuTier.BASIC, 30.0)
    # 0.050 dollars, half as much again, at half a cent a credit.
    assert read_balance(user_id=pro.id).held == 45

    run(runner, job)

    assert (job.state, job.error_code, charged(job)) == (JobState.SUCCEEDED, "", 45)
    assert read_balance(user_id=pro.id).available == before - 45
    images = list(Image.objects.order_by("node_id"))
    assert [(image.width, image.height, image.user) for image in images] == [(1536, 1024, pro)] * 3
    (call,) = ProviderCall.objects.all()
    assert (call.outcome, call.key_owner, call.pictures_made, call.cost_micros) == (
        CallOutcome.MADE,
        KeyOwner.HOUSE,
        3,
        150_000,
    )
    assert stand_in.calls[0].key == OPENAI_KEY


def test_what_is_kept_with_a_picture_names_the_service_and_no_weights(
    runner: JobRunner, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    run(runner, ask(pro, models[MEDIUM]))

    image = Image.objects.get()
    assert image.metadata["made_with"] == {
        "provider": "openai",
        "provider_model": "gpt-image-1.5",
        "quality": "medium",
        "weights": {},
        "libraries": {},
        "device": "",
        "batch": 1,
        "memory_saved": False,
    }
    assert (image.metadata["prompt"], image.metadata["model"]) == ("a red circle", MEDIUM)
    for name in ("seed", "steps", "scheduler", "guidance_scale"):
        assert image.metadata[name] is None
    text = PillowImage.open(io.BytesIO(read_file(image=image))).text  # type: ignore[attr-defined]
    assert OPENAI_KEY not in json.dumps(text)


def test_a_receipt_counts_pictures_and_the_seconds_cost_nothing(
    runner: JobRunner, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    job = run(runner, ask(pro, models["stable-image-core"], num_images=2))

    receipt = get_receipt(user=pro, job_id=job.id)
    assert (receipt.quoted, receipt.charged, receipt.released) == (18, 18, 0)
    assert receipt.seconds is not None
    usage = UsageRecord.objects.get()
    assert (usage.action_type, usage.credits_consumed, usage.is_whole) == (
        ActionType.PROVIDED,
        18,
        False,
    )
    # What GPUs take is not learnt from it.
    measure_costs()
    assert not MeasuredCost.objects.exists()


def test_an_own_key_is_used_and_costs_a_credit_a_picture(
    runner: JobRunner, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    keep_own_key(pro, stand_in)

    job = run(runner, ask(pro, models[MEDIUM], num_images=2))

    assert (job.state, charged(job)) == (JobState.SUCCEEDED, 2)
    assert stand_in.calls[0].key == OWN_KEY
    call = ProviderCall.objects.get()
    assert (call.key_owner, call.cost_micros) == (KeyOwner.OWN, 0)


def test_a_job_keeps_to_the_key_that_it_was_quoted_for(
    runner: JobRunner, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    by_house = ask(pro, models[MEDIUM])
    keep_own_key(pro, stand_in)
    by_own = ask(pro, models[MEDIUM])

    run(runner, by_house)
    delete_own_key(user=pro, provider=ProviderName.OPENAI)
    run(runner, by_own)

    assert (by_house.state, charged(by_house)) == (JobState.SUCCEEDED, 11)
    # The house does not step in: its price was never agreed to.
    assert (by_own.state, by_own.error_code, charged(by_own)) == (
        JobState.FAILED,
        ErrorCode.IMAGE_PROVIDER_KEY_MISSING,
        0,
    )
    assert [call.key for call in stand_in.calls] == [OPENAI_KEY]


def test_seeds_make_other_pictures_where_the_service_has_them(
    runner: JobRunner, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    run(runner, ask(pro, models["stable-image-core"], seed=7, num_images=2, negative_prompt="text"))

    assert [call.fields["seed"] for call in stand_in.calls] == ["7", "8"]
    assert [image.metadata["seed"] for image in Image.objects.order_by("node_id")] == [7, 8]


def test_a_mask_is_painted_and_the_rest_stays_to_the_bit(
    runner: JobRunner, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    start, mask = make_image(pro), make_image(pro)
    job = ask(
        pro,
        models[MEDIUM],
        init_image=start.image_name,
        mask={"image": mask.image_name, "feather": 0},
    )
    run(runner, job)

    assert (job.state, job.error_code) == (JobState.SUCCEEDED, "")
    # A picture to look at costs half a cent more: 0.039 dollars and half as much again.
    assert charged(job) == 12
    made = Image.objects.get(session_id=job.id)
    picture = PillowImage.open(io.BytesIO(read_file(image=made)))
    original = PillowImage.open(io.BytesIO(read_file(image=start))).convert("RGB")
    # The mask is a ramp from black at the top to white at the bottom.
    assert picture.getpixel((3, 3)) == pytest.approx(original.getpixel((0, 0)), abs=2)
    assert picture.getpixel((500, 1020)) != pytest.approx(original.getpixel((30, 47)), abs=8)


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


@pytest.fixture
def enterprise_stranger(stranger: User) -> User:
    from apps.plans.products import PLANS
    from apps.plans.services.subscriptions import start_subscription

    start_subscription(user=stranger, plan=PLANS["enterprise"])
    return stranger


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
    from apps.plans.models import Subscription

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
