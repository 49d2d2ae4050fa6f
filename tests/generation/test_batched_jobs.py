"""Jobs of several users in one forward pass: each ends, costs and belongs as if it were alone."""

import io
import math
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image as PillowImage

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.errors import ErrorCode
from apps.credits.models import Hold, UsageRecord
from apps.credits.selectors import Balance, holds_of_jobs, read_balance
from apps.generation.models import Job, JobState
from apps.generation.services.audit import audit_credits
from apps.generation.services.jobs import cancel_job
from apps.generation.services.leases import recover_expired_jobs
from apps.generation.services.leftovers import remove_leftovers
from apps.generation.services.results import finish_job
from apps.images.models import Image
from apps.images.selectors import read_file
from apps.plans.tiers import GpuTier
from gpu_tasks.engine import Engine, PassMember
from gpu_tasks.engine.libraries import torch
from gpu_tasks.runner import JobRunner
from gpu_tasks.runner import attempt as runner_attempt
from tests.factories import delete_image, make_image, make_job, make_user

# Leases are kept, and cancels answered, by threads with connections of their own.
pytestmark = pytest.mark.django_db(transaction=True)

StoredFiles = Callable[[], set[str]]


class Passes:
    """What the engine was asked: the prompts of each pass, and a hook before its n-th step."""

    def __init__(self) -> None:
        self.prompts: list[list[str]] = []
        self.rows: list[int] = []
        self.before_step: dict[int, Callable[[], None]] = {}


@pytest.fixture(scope="module")
def engine() -> Engine:
    # So small a model gains nothing from threads, and loses much where others keep cores busy.
    torch.set_num_threads(1)
    return Engine(device="cpu")


@pytest.fixture
def runner(engine: Engine, settings: Any) -> JobRunner:
    settings.EASEL_BATCHING = "force"
    return JobRunner(engine=engine, tiers=list(GpuTier), worker="test")


@pytest.fixture
def passes(runner: JobRunner, starter: GenerationModel, monkeypatch: pytest.MonkeyPatch) -> Passes:
    """Watch the passes; a hook runs while the first call of the U-Net of its number is made."""
    watched = Passes()
    make = runner.engine.generate_together

    def watch(members: list[PassMember], **options: Any) -> Any:
        watched.prompts.append([member.request.prompt for member in members])

        def hook(_module: object, arguments: tuple[Any, ...], _output: object) -> None:
            watched.rows.append(len(arguments[0]))
            watched.before_step.pop(len(watched.rows), lambda: None)()

        with runner.engine.hold(options["source"]) as model:
            handle = model.components["unet"].register_forward_hook(hook)
            try:
                return make(members, **options)
            finally:
                handle.remove()

    monkeypatch.setattr(runner.engine, "generate_together", watch)
    return watched


def pixels(image: Image) -> np.ndarray[Any, np.dtype[np.int16]]:
    picture = PillowImage.open(io.BytesIO(read_file(image=image))).convert("RGB")
    return np.asarray(picture, dtype=np.int16)


def states(*jobs: Job) -> list[str]:
    for job in jobs:
        job.refresh_from_db()
    return [job.state for job in jobs]


def wait_for_look() -> None:
    """Let the lease's thread see what was committed."""
    time.sleep(0.4)


def test_each_picture_lands_with_its_owner_and_its_own_settings(
    runner: JobRunner,
    passes: Passes,
    user: User,
    stranger: User,
    starter: GenerationModel,
    stored_files: StoredFiles,
) -> None:
    mine = make_job(user, starter, prompt="a red circle", negative_prompt="blue", seed=7)
    theirs = make_job(stranger, starter, prompt="a blue star", seed=2**32 - 1, num_images=2)

    assert runner.run_next()

    assert passes.prompts == [["a red circle", "a blue star"]]
    assert states(mine, theirs) == [JobState.SUCCEEDED] * 2
    keys = ("prompt", "negative_prompt", "seed", "generation")
    found = [
        (image.user, image.session_id, image.node_id, *(image.metadata[key] for key in keys))
        for image in Image.objects.order_by("metadata__prompt", "node_id")
    ]
    assert found == [
        (stranger, theirs.id, "0", "a blue star", "", 2**32 - 1, str(theirs.id)),
        (stranger, theirs.id, "1", "a blue star", "", 0, str(theirs.id)),
        (user, mine.id, "0", "a red circle", "blue", 7, str(mine.id)),
    ]
    for image in Image.objects.all():
        assert image.s3_key.startswith(f"users/{image.user_id}/")
        png = PillowImage.open(io.BytesIO(read_file(image=image)))
        png.load()
        assert png.info["parameters"].startswith(image.metadata["prompt"])
    assert len(stored_files()) == 9
    assert not runner.run_next()


def test_a_picture_is_the_one_that_its_job_would_make_alone(
    runner: JobRunner, passes: Passes, user: User, stranger: User, starter: GenerationModel
) -> None:
    for prompt, owner in (("a red circle", user), ("a blue star", stranger)):
        make_job(owner, starter, prompt=prompt, seed=7, steps=3)
        runner.run_next()
    for prompt, owner in (("a red circle", user), ("a blue star", stranger)):
        make_job(owner, starter, prompt=prompt, seed=7, steps=3)
    runner.run_next()

    assert [len(prompts) for prompts in passes.prompts] == [1, 1, 2]
    for owner in (user, stranger):
        alone, together = Image.objects.filter(user=owner).order_by("created_at")
        assert np.abs(pixels(alone) - pixels(together)).max() <= 2


def test_the_charges_are_shares_that_add_up(
    runner: JobRunner,
    passes: Passes,
    user: User,
    stranger: User,
    starter: GenerationModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A clock that moves 0.6 s at each step: 1.8 s for a pass of one and three pictures."""
    clock = 0.0
    monkeypatch.setattr("gpu_tasks.engine.passengers.time.perf_counter", lambda: clock)

    def tick() -> None:
        nonlocal clock
        clock += 0.6

    passes.before_step = {1: tick, 2: tick, 3: tick}
    mine = make_job(user, starter, steps=3)
    theirs = make_job(stranger, starter, steps=3, num_images=3)

    runner.run_next()

    assert states(mine, theirs) == [JobState.SUCCEEDED] * 2
    shares = (Decimal("0.450"), Decimal("1.350"))
    assert (mine.compute_seconds, theirs.compute_seconds) == shares
    usages = [UsageRecord.objects.get(user=owner) for owner in (user, stranger)]
    assert [(usage.compute_seconds, usage.batch_size) for usage in usages] == [
        (shares[0], 1),
        (shares[1], 3),
    ]
    held = [Hold.objects.get(job_id=job.id).amount for job in (mine, theirs)]
    assert [usage.credits_consumed for usage in usages] == [1, min(2, held[1])]


def test_nobody_pays_more_than_the_hold_and_the_books_are_clean(
    runner: JobRunner,
    passes: Passes,
    user: User,
    stranger: User,
    starter: GenerationModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = 0.0
    monkeypatch.setattr("gpu_tasks.engine.passengers.time.perf_counter", lambda: clock)

    def an_hour() -> None:
        nonlocal clock
        clock += 3600

    passes.before_step = {1: an_hour}
    jobs = [make_job(user, starter), make_job(stranger, starter)]
    held = [Hold.objects.get(job_id=job.id).amount for job in jobs]

    runner.run_next()

    for job, amount in zip(jobs, held, strict=True):
        facts = holds_of_jobs(user_id=job.user_id, job_ids=[job.id])[job.id]
        assert (facts.charged, facts.released) == (amount, 0)
        assert read_balance(user_id=job.user_id) == Balance(available=500 - amount, held=0)
    assert audit_credits() == []


def test_one_that_is_cancelled_ends_while_the_others_go_on(
    runner: JobRunner, passes: Passes, user: User, stranger: User, starter: GenerationModel
) -> None:
    mine = make_job(user, starter, steps=6)
    theirs = make_job(stranger, starter, steps=6)
    ended_before_the_others: list[str] = []

    def cancel() -> None:
        cancel_job(user=user, job_id=mine.id)
        wait_for_look()

    def look() -> None:
        time.sleep(0.5)
        ended_before_the_others.extend(states(mine, theirs))

    passes.before_step = {2: cancel, 4: look}
    runner.run_next()

    # With guidance each picture is two rows.
    assert passes.rows == [4, 4, 2, 2, 2, 2]
    assert ended_before_the_others == [JobState.CANCELLED, JobState.RUNNING]
    assert states(mine, theirs) == [JobState.CANCELLED, JobState.SUCCEEDED]
    assert mine.compute_seconds is not None
    assert theirs.compute_seconds is not None
    assert 0 < mine.compute_seconds < theirs.compute_seconds
    usage = UsageRecord.objects.get(user=user)
    assert (usage.compute_seconds, usage.is_whole) == (mine.compute_seconds, False)
    assert usage.credits_consumed == min(
        math.ceil(mine.compute_seconds), Hold.objects.get(job_id=mine.id).amount
    )
    assert [image.user for image in Image.objects.all()] == [stranger]
    assert audit_credits() == []


def test_a_pass_ends_when_all_of_it_is_cancelled(
    runner: JobRunner, passes: Passes, user: User, stranger: User, starter: GenerationModel
) -> None:
    mine = make_job(user, starter, steps=6)
    theirs = make_job(stranger, starter, steps=6)

    def cancel() -> None:
        cancel_job(user=user, job_id=mine.id)
        cancel_job(user=stranger, job_id=theirs.id)
        wait_for_look()

    passes.before_step = {2: cancel}
    runner.run_next()

    assert passes.rows == [4, 4]
    assert states(mine, theirs) == [JobState.CANCELLED] * 2


def test_a_lost_lease_drops_one_from_the_pass_and_its_late_result_is_refused(
    runner: JobRunner,
    passes: Passes,
    user: User,
    stranger: User,
    starter: GenerationModel,
    stored_files: StoredFiles,
) -> None:
    mine = make_job(user, starter, steps=6)
    theirs = make_job(stranger, starter, steps=6)

    def lose() -> None:
        Job.objects.filter(id=mine.id).update(lease_expires_at=timezone.now() - timedelta(hours=1))
        assert recover_expired_jobs() == 1
        wait_for_look()

    passes.before_step = {2: lose}
    runner.run_next()

    assert passes.rows == [4, 4, 2, 2, 2, 2]
    assert states(mine, theirs) == [JobState.QUEUED, JobState.SUCCEEDED]
    assert mine.attempt == 1
    assert [usage.user for usage in UsageRecord.objects.all()] == [stranger]
    assert len(stored_files()) == 3
    assert Hold.objects.get(job_id=mine.id).amount == read_balance(user_id=user.id).held


def test_a_lease_lost_after_the_last_step_leaves_no_row_and_no_file(
    runner: JobRunner,
    passes: Passes,
    user: User,
    stranger: User,
    starter: GenerationModel,
    stored_files: StoredFiles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mine = make_job(user, starter)
    theirs = make_job(stranger, starter)
    finish = finish_job

    def lose_mine_first(**arguments: Any) -> bool:
        if arguments["job_id"] == mine.id:
            expired = timezone.now() - timedelta(hours=1)
            Job.objects.filter(id=mine.id).update(lease_expires_at=expired)
            recover_expired_jobs()
        return finish(**arguments)

    monkeypatch.setattr(runner_attempt, "finish_job", lose_mine_first)
    runner.run_next()

    assert passes.rows[0] == 4
    assert states(mine, theirs) == [JobState.QUEUED, JobState.SUCCEEDED]
    assert [image.user for image in Image.objects.all()] == [stranger]
    assert len(stored_files()) == 3


def test_one_that_cannot_be_made_fails_alone(
    runner: JobRunner, passes: Passes, user: User, stranger: User, starter: GenerationModel
) -> None:
    gone, there = make_image(user), make_image(stranger)
    mine = make_job(user, starter, init_image=gone.image_name, strength=0.5, steps=4)
    theirs = make_job(
        stranger, starter, init_image=there.image_name, strength=0.5, steps=4, prompt="theirs"
    )
    delete_image(user=user, image_name=gone.image_name)

    runner.run_next()

    assert passes.prompts == [["theirs"]]
    assert states(mine, theirs) == [JobState.FAILED, JobState.SUCCEEDED]
    assert mine.error_code == ErrorCode.NOT_FOUND
    assert read_balance(user_id=user.id) == Balance(available=500, held=0)
    assert [usage.user for usage in UsageRecord.objects.all()] == [stranger]


def test_one_whose_files_cannot_be_stored_is_handed_back_alone(
    runner: JobRunner,
    passes: Passes,
    user: User,
    stranger: User,
    starter: GenerationModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mine = make_job(user, starter)
    theirs = make_job(stranger, starter)
    save = default_storage.save

    def refuse_mine(name: str, *arguments: Any, **options: Any) -> str:
        if str(user.id) in name:
            raise OSError("no space left")
        return save(name, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(default_storage, "save", refuse_mine)
        runner.run_next()
        assert states(mine, theirs) == [JobState.QUEUED, JobState.SUCCEEDED]
    runner.run_next()

    assert states(mine, theirs) == [JobState.SUCCEEDED] * 2
    assert mine.attempt == 2
    assert [len(prompts) for prompts in passes.prompts] == [2, 1]
    assert audit_credits() == []
    Job.objects.update(finished_at=timezone.now() - timedelta(hours=1))
    remove_leftovers()
    assert Image.objects.count() == 2


def test_out_of_memory_together_is_no_failure_of_anybody(
    runner: JobRunner, passes: Passes, user: User, stranger: User, starter: GenerationModel
) -> None:
    mine = make_job(user, starter)
    theirs = make_job(stranger, starter)

    def run_out() -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    passes.before_step = {1: run_out}
    runner.run_next()

    assert passes.rows == [4, 2, 2, 2, 2]
    assert states(mine, theirs) == [JobState.SUCCEEDED] * 2
    # And it is not tried again.
    assert runner.batches.pictures_for(mine.batch_shape) == 1


def test_jobs_at_hand_are_all_handed_back_when_the_worker_ends(
    runner: JobRunner, passes: Passes, user: User, stranger: User, starter: GenerationModel
) -> None:
    mine = make_job(user, starter, steps=6)
    theirs = make_job(stranger, starter, steps=6)

    passes.before_step = {2: lambda: runner.shutdown.begin(reason="test", grace_seconds=0.0)}
    runner.run_next()

    assert passes.rows == [4, 4]
    assert states(mine, theirs) == [JobState.QUEUED] * 2
    assert [job.hand_backs for job in (mine, theirs)] == [1, 1]
    assert not UsageRecord.objects.exists()


def test_only_jobs_that_are_alike_are_made_together(
    runner: JobRunner, passes: Passes, user: User, starter: GenerationModel
) -> None:
    others = [make_user(f"user{number}@example.com") for number in range(5)]
    make_job(user, starter, prompt="leader")
    changes: list[dict[str, Any]] = [
        {"steps": 3},
        {"width": 64},
        {"guidance_scale": 3.0},
        {"scheduler": "euler"},
        {"prompt": "alike", "negative_prompt": "x", "seed": 9, "num_images": 2},
    ]
    for other, change in zip(others, changes, strict=True):
        make_job(other, starter, **change)

    runner.run_next()

    assert passes.prompts == [["leader", "alike"]]
    assert Job.objects.filter(state=JobState.QUEUED).count() == 4


def test_no_more_is_claimed_than_fits_and_than_plans_allow(
    runner: JobRunner, passes: Passes, user: User, starter: GenerationModel
) -> None:
    """Trial users have one place, so each user has one job in a pass of eight pictures."""
    others = [make_user(f"user{number}@example.com") for number in range(4)]
    for owner in (user, *others):
        for _ in range(2):
            make_job(owner, starter, num_images=3)

    runner.run_next()

    assert len(passes.prompts[0]) == 2
    assert Job.objects.filter(state=JobState.SUCCEEDED).count() == 2
    assert Image.objects.values("user").distinct().count() == 2


def test_the_switch_turns_it_off(
    engine: Engine, user: User, stranger: User, starter: GenerationModel, settings: Any
) -> None:
    settings.EASEL_BATCHING = "off"
    runner = JobRunner(engine=engine, tiers=list(GpuTier), worker="test")
    mine = make_job(user, starter)
    theirs = make_job(stranger, starter)

    runner.run_next()

    assert states(mine, theirs) == [JobState.SUCCEEDED, JobState.QUEUED]


def test_a_job_is_ended_beside_the_next_and_keeps_its_lease_until_then(
    engine: Engine,
    user: User,
    stranger: User,
    starter: GenerationModel,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.EASEL_BATCHING = "off"
    settings.EASEL_LEASE_SECONDS = 1
    aside = JobRunner(engine=engine, tiers=list(GpuTier), worker="test", ends_aside=True)
    first, second = make_job(user, starter), make_job(stranger, starter)
    may_end = threading.Event()
    finish = finish_job

    def wait_first(**arguments: Any) -> bool:
        assert may_end.wait(timeout=60)
        return finish(**arguments)

    monkeypatch.setattr(runner_attempt, "finish_job", wait_first)
    assert aside.run_next()
    time.sleep(1.5)
    assert recover_expired_jobs() == 0
    assert states(first, second) == [JobState.RUNNING, JobState.QUEUED]

    timer = threading.Timer(1.0, may_end.set)
    timer.start()
    assert aside.run_next()
    aside.wait_for_ends()

    assert states(first, second) == [JobState.SUCCEEDED] * 2
    assert audit_credits() == []
