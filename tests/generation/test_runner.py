"""A job through the real engine, the real store and the real database, in this process."""

import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import OperationalError
from django.utils import timezone
from PIL import Image as PillowImage

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.errors import ErrorCode
from apps.credits.models import UsageRecord
from apps.generation.events import Progress
from apps.generation.models import Job, JobState
from apps.generation.selectors import progress_of
from apps.generation.services.jobs import cancel_job
from apps.generation.services.leases import claim_next_job, recover_expired_jobs
from apps.generation.services.leftovers import remove_leftovers
from apps.generation.services.results import finish_job
from apps.images.models import Image
from apps.images.selectors import read_file
from apps.plans.tiers import GpuTier
from gpu_tasks.engine import Engine, OutOfMemory
from gpu_tasks.runner import JobRunner
from gpu_tasks.runner import attempt as runner_attempt
from gpu_tasks.runner.lease import Lease, LeaseKeeper
from tests.factories import delete_image, make_image, make_job
from tests.stack import wait_until

# The lease is kept by a thread with a connection of its own.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine(device="cpu")


@pytest.fixture(params=["off", "force"], ids=["one_by_one", "together"])
def runner(engine: Engine, settings: Any, request: pytest.FixtureRequest) -> JobRunner:
    """Run each test without and with other jobs being looked for to share a pass with."""
    settings.EASEL_BATCHING = request.param
    return JobRunner(engine=engine, tiers=list(GpuTier), worker="test")


def pixels(image: Image) -> bytes:
    return PillowImage.open(io.BytesIO(read_file(image=image))).tobytes()


def test_a_job_becomes_a_picture(
    runner: JobRunner,
    user: User,
    starter: GenerationModel,
    stored_files: Callable[[], set[str]],
) -> None:
    job = make_job(user, starter, prompt="a red circle", seed=7, steps=2)

    assert runner.run_next()

    job.refresh_from_db()
    assert (job.state, job.attempt, job.error_code) == (JobState.SUCCEEDED, 1, "")
    image = Image.objects.get()
    assert (image.user, image.session_id, image.node_id) == (user, job.id, "0")
    assert (image.width, image.height) == (starter.default_width, starter.default_height)
    assert image.metadata["prompt"] == "a red circle"
    assert image.metadata["seed"] == 7
    assert image.s3_key == f"users/{user.id}/images/{image.image_name}.png"
    assert stored_files() == {
        image.s3_key,
        image.s3_thumbnail_key,
        f"users/{user.id}/images/thumbnails/{image.image_name}_512.webp",
    }
    png = PillowImage.open(io.BytesIO(read_file(image=image)))
    assert png.size == (image.width, image.height)
    usage = UsageRecord.objects.get()
    assert usage.compute_seconds == job.compute_seconds
    assert usage.credits_consumed >= 1
    assert not runner.run_next()


def test_the_same_seed_makes_the_same_picture_and_another_another(
    runner: JobRunner, user: User, starter: GenerationModel
) -> None:
    made = []
    for seed in (7, 7, 8):
        make_job(user, starter, seed=seed)
        runner.run_next()
        made.append(pixels(Image.objects.latest("created_at")))

    assert made[0] == made[1]
    assert made[0] != made[2]


def test_a_batch_makes_a_picture_for_each_seed(
    runner: JobRunner, user: User, starter: GenerationModel
) -> None:
    make_job(user, starter, seed=7, num_images=3)

    runner.run_next()

    images = Image.objects.order_by("node_id")
    assert [(image.node_id, image.metadata["seed"]) for image in images] == [
        ("0", 7),
        ("1", 8),
        ("2", 9),
    ]
    assert UsageRecord.objects.get().batch_size == 3


def test_a_picture_can_be_started_from(
    runner: JobRunner, user: User, starter: GenerationModel
) -> None:
    start = make_image(user)
    make_job(user, starter, init_image=start.image_name, strength=0.5, steps=4)

    runner.run_next()

    made = Image.objects.get(image_origin="internal", session_id=Job.objects.get().id)
    assert made.metadata["init_image"] == str(start.image_name)


def test_a_start_picture_deleted_meanwhile_fails_the_job_clearly(
    runner: JobRunner, user: User, starter: GenerationModel
) -> None:
    start = make_image(user)
    job = make_job(user, starter, init_image=start.image_name, steps=4)
    delete_image(user=user, image_name=start.image_name)

    runner.run_next()

    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.FAILED, ErrorCode.NOT_FOUND)


def test_progress_is_kept_for_pages_that_come_later(
    runner: JobRunner, user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter, steps=2)
    runner.run_next()

    progress = progress_of(jobs=[job])[job.id]

    assert (progress["step"], progress["total"], progress["percent"]) == (2, 2, 100)
    assert progress["preview"] is None  # the picture itself is there


def test_a_preview_is_shown_until_the_picture_is_there(
    runner: JobRunner, user: User, starter: GenerationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Progress] = []
    monkeypatch.setattr(
        "gpu_tasks.runner.progress.save_progress",
        lambda *, job_id, progress: shown.append(progress),  # noqa: ARG005
    )
    make_job(user, starter, steps=2)
    runner.run_next()

    first, last = shown[0], shown[-1]
    assert first["preview"] is not None
    assert first["preview"].startswith("data:image/webp;base64,UklGR")
    assert last["preview"] is None


def test_a_job_cancelled_while_it_waits_for_its_steps_stops(
    runner: JobRunner, user: User, starter: GenerationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(user, starter, steps=50)
    look = Lease.must_stop

    def cancel_first(lease: Lease) -> bool:
        cancel_job(user=user, job_id=job.id)
        return look(lease)

    monkeypatch.setattr(Lease, "must_stop", cancel_first)
    runner.run_next()

    job.refresh_from_db()
    assert job.state == JobState.CANCELLED
    assert not Image.objects.exists()
    assert job.compute_seconds is not None


def test_a_late_result_leaves_no_row_and_no_file(
    runner: JobRunner,
    user: User,
    starter: GenerationModel,
    monkeypatch: pytest.MonkeyPatch,
    stored_files: Callable[[], set[str]],
) -> None:
    job = make_job(user, starter)
    finish = finish_job

    def lose_the_lease_first(**arguments: Any) -> bool:
        assert len(stored_files()) == 3
        Job.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
        recover_expired_jobs()
        return finish(**arguments)

    monkeypatch.setattr(runner_attempt, "finish_job", lose_the_lease_first)
    runner.run_next()

    job.refresh_from_db()
    assert (job.state, job.attempt) == (JobState.QUEUED, 1)
    assert not Image.objects.exists()
    assert not UsageRecord.objects.exists()
    assert stored_files() == set()


def test_out_of_memory_advises_a_smaller_size(
    runner: JobRunner, user: User, starter: GenerationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(user, starter)

    def full(*_args: object, **_options: object) -> None:
        raise OutOfMemory("does not fit")

    monkeypatch.setattr(runner.engine, "generate_together", full)
    runner.run_next()

    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.FAILED, ErrorCode.OUT_OF_MEMORY)
    assert not UsageRecord.objects.exists()


def test_a_model_without_its_files_fails_the_job_as_our_fault(
    runner: JobRunner, user: User, starter: GenerationModel
) -> None:
    GenerationModel.objects.update(location="no_such_directory")
    job = make_job(user, starter)

    runner.run_next()

    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.FAILED, ErrorCode.MODEL_UNAVAILABLE)


def test_a_bug_fails_the_job_and_tells_no_internals(
    runner: JobRunner, user: User, starter: GenerationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(user, starter)

    def broken(*_args: object, **_options: object) -> None:
        raise ZeroDivisionError("internals")

    monkeypatch.setattr(runner.engine, "generate_together", broken)
    runner.run_next()

    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.FAILED, ErrorCode.INTERNAL)
    assert job.error_id


@pytest.mark.parametrize("fault", [OSError("no space left"), OperationalError("gone away")])
def test_a_passing_fault_hands_the_job_back(
    runner: JobRunner,
    user: User,
    starter: GenerationModel,
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
) -> None:
    job = make_job(user, starter)

    def away(*_args: object, **_options: object) -> None:
        raise fault

    with monkeypatch.context() as patched:
        patched.setattr(default_storage, "save", away)
        runner.run_next()
        job.refresh_from_db()
        assert (job.state, job.attempt) == (JobState.QUEUED, 1)
    runner.run_next()

    job.refresh_from_db()
    assert (job.state, job.attempt) == (JobState.SUCCEEDED, 2)
    assert Image.objects.count() == 1


def test_files_of_a_lost_attempt_are_removed_later(
    runner: JobRunner,
    user: User,
    starter: GenerationModel,
    monkeypatch: pytest.MonkeyPatch,
    stored_files: Callable[[], set[str]],
) -> None:
    make_job(user, starter)

    def killed(**_arguments: object) -> bool:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(runner_attempt, "finish_job", killed)
        with pytest.raises(SystemExit):
            runner.run_next()
    Job.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    recover_expired_jobs()
    runner.run_next()
    assert len(stored_files()) == 6

    assert remove_leftovers() == 0
    Job.objects.update(finished_at=timezone.now() - timedelta(hours=1))
    assert remove_leftovers() == 1

    kept = Image.objects.get()
    assert len(stored_files()) == 3
    assert kept.s3_key in stored_files()
    assert remove_leftovers() == 0


def test_the_lease_is_renewed_while_the_work_goes_on(
    user: User, starter: GenerationModel, settings: Any
) -> None:
    settings.EASEL_LEASE_SECONDS = 2
    make_job(user, starter)
    job = claim_next_job(tiers=list(GpuTier), worker="w")
    assert job is not None
    lease = Lease(job_id=job.id, attempt=job.attempt)
    with LeaseKeeper([lease]):
        deadline = timezone.now() + timedelta(seconds=3)
        while timezone.now() < deadline:
            assert recover_expired_jobs() == 0
        assert not lease.must_stop()
        Job.objects.update(attempt=2)
        wait_until(lease.must_stop, seconds=5, what="noticing the loss")
        assert lease.lost


def test_metadata_is_json(runner: JobRunner, user: User, starter: GenerationModel) -> None:
    make_job(user, starter, prompt="바다 위의 노을 🌅")
    runner.run_next()

    image = Image.objects.get()
    assert json.loads(json.dumps(image.metadata))["prompt"] == "바다 위의 노을 🌅"
    png = PillowImage.open(io.BytesIO(read_file(image=image)))
    png.load()
    assert png.info["parameters"].startswith("바다 위의 노을 🌅\nSteps: 2, Sampler: ")
