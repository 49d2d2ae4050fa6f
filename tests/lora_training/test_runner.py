"""A training through the real trainer, the real store and the real database, in this process."""

import io
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import safetensors.numpy
from django.core.files.storage import default_storage
from django.db import OperationalError
from PIL import Image as PillowImage

from apps.accounts.models import User
from apps.catalog.models import GenerationModel, ModelKind
from apps.core.errors import Conflict, ErrorCode
from apps.core.models import Act, AuditRecord
from apps.core.tenancy import tenant_scope
from apps.credits.models import UsageRecord
from apps.credits.selectors import holds_of_jobs
from apps.generation.models import Job, JobState
from apps.generation.receipts import Outcome, get_receipt
from apps.generation.services.audit import audit_credits
from apps.generation.services.leases import recover_expired_jobs
from apps.images.models import Image
from apps.images.selectors import read_file
from apps.plans.tiers import GpuTier
from apps.training.models import TrainingRun, TrainingSample, TrainingSet
from apps.training.selectors import read_sample
from apps.training.services.retries import retry_run
from apps.training.services.runs import cancel_run
from gpu_tasks.engine import Engine
from gpu_tasks.runner import JobRunner
from gpu_tasks.runner.training_reports import TrainingReporter
from gpu_tasks.runner.trainings import TrainingAttempt
from gpu_tasks.training.lora.errors import TrainingDiverged
from gpu_tasks.training.lora.outcomes import TrainedLora
from tests.factories import make_job
from tests.lora_training.factories import make_run

# The lease is kept by a thread with a connection of its own.
pytestmark = pytest.mark.django_db(transaction=True)

Files = Callable[[], set[str]]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(device="cpu")


@pytest.fixture
def runner(engine: Engine) -> JobRunner:
    return JobRunner(engine=engine, tiers=list(GpuTier), worker="test")


def job_of(run: TrainingRun) -> Job:
    run.refresh_from_db()
    return Job.objects.get(id=run.job_id)


def training_files(files: Files) -> set[str]:
    return {key for key in files() if "/training/" in key}


class Killed(BaseException):
    """What a `kill -9` is to this process: nothing is ended, handed back or told."""


@pytest.fixture
def killed_at() -> Callable[[int], Any]:
    """Return what makes the attempt die after a step, as if its machine went away."""

    def kill(step: int) -> Any:
        note = TrainingAttempt._note_progress

        def noted(self: TrainingAttempt, progress: Any) -> None:
            note(self, progress)
            if progress.step == step:
                raise Killed

        return patch.object(TrainingAttempt, "_note_progress", noted)

    return kill


def lose(runner: JobRunner, run: TrainingRun, dying: Any) -> None:
    """Have an attempt die, and its lease run out."""
    with dying, pytest.raises(Killed):
        runner.run_next()
    Job.objects.filter(id=run.job_id).update(lease_expires_at="2020-01-01T00:00Z")
    assert recover_expired_jobs() == 1


def test_a_training_ends_as_a_lora_in_the_catalog_that_changes_pictures(
    runner: JobRunner,
    trainer: User,
    discs: TrainingSet,
    starter: GenerationModel,
    stored_files: Files,
) -> None:
    run = make_run(trainer, discs, name="My discs", sample_every=5, learning_rate=0.01)

    assert runner.run_next()

    job = job_of(run)
    assert (job.state, job.error_code) == (JobState.SUCCEEDED, "")
    lora = GenerationModel.objects.get(key=run.model_key)
    assert (lora.user, lora.kind, lora.base) == (trainer, ModelKind.LORA, starter.base)
    assert (lora.name, lora.trigger_words, lora.commercial_use) == ("My discs", ["zorg"], True)
    (act,) = AuditRecord.objects.filter(user_id=trainer.id, act=Act.MODEL_INSTALLED)
    assert (act.actor_id, act.target, act.address) == (trainer.id, lora.key, None)
    (file,) = lora.files
    with default_storage.open(f"{lora.location}/{file['path']}") as stored:
        assert len(stored.read()) == lora.size_bytes == file["size"]
    # Of the way there only the samples are left.
    assert [step for step, _loss in run.losses] == list(range(1, 11))
    assert (run.step, run.checkpoint) == (10, None)
    samples = list(TrainingSample.objects.order_by("step", "number"))
    assert [(each.step, each.number) for each in samples] == [(5, 0), (5, 1), (10, 0), (10, 1)]
    png = read_sample(user=trainer, run_id=run.id, name=samples[0].name)
    assert PillowImage.open(io.BytesIO(png)).size == (samples[0].width, samples[0].height)
    assert {key.rsplit("/", 2)[1] for key in training_files(stored_files)} == {"samples"}
    # It is used as any other.
    plain = make_job(trainer, starter, prompt="zorg", seed=3)
    dressed = make_job(
        trainer, starter, prompt="zorg", seed=3, loras=[{"model": lora.key, "weight": 1.0}]
    )
    assert runner.run_next()
    assert runner.run_next()
    pixels = [
        PillowImage.open(io.BytesIO(read_file(image=Image.objects.get(session_id=each.id))))
        for each in (plain, dressed)
    ]
    assert pixels[0].tobytes() != pixels[1].tobytes()


@pytest.mark.slow
def test_a_training_is_charged_its_seconds_and_never_more_than_its_quote(
    runner: JobRunner, trainer: User, discs: TrainingSet
) -> None:
    run = make_run(trainer, discs)
    runner.run_next()

    receipt = get_receipt(user=trainer, job_id=job_of(run).id)
    assert receipt.charged is not None
    assert receipt.quoted is not None
    assert 1 <= receipt.charged <= receipt.quoted
    assert [each.outcome for each in receipt.attempts] == [Outcome.SUCCEEDED]
    usage = UsageRecord.objects.get()
    assert (usage.action_type, usage.steps, usage.width) == ("training", 10, 64)
    assert usage.is_whole
    assert audit_credits() == []


@pytest.mark.slow
def test_one_that_is_killed_goes_on_from_its_checkpoint_and_no_lost_attempt_is_charged(
    runner: JobRunner,
    trainer: User,
    discs: TrainingSet,
    killed_at: Callable[[int], Any],
    stored_files: Files,
) -> None:
    undisturbed = make_run(trainer, discs, steps=20)
    runner.run_next()
    undisturbed.refresh_from_db()

    run = make_run(trainer, discs, steps=20)
    lose(runner, run, killed_at(5))
    run.refresh_from_db()
    assert (run.checkpoint_step, run.step) == (4, 4)
    lose(runner, run, killed_at(11))
    assert len(training_files(stored_files)) == 1
    assert runner.run_next()

    job = job_of(run)
    assert (job.state, job.attempt) == (JobState.SUCCEEDED, 3)
    assert [point[1] for point in run.losses] == pytest.approx(
        [point[1] for point in undisturbed.losses], abs=1e-4
    )
    receipt = get_receipt(user=trainer, job_id=job.id)
    outcomes = [(each.outcome, each.charged) for each in receipt.attempts[:2]]
    assert outcomes == [(Outcome.LOST, 0), (Outcome.LOST, 0)]
    assert receipt.charged == receipt.attempts[2].charged
    # The steps of the last attempt alone.
    assert UsageRecord.objects.get(job_id=job.id).steps == 10
    assert training_files(stored_files) == set()
    assert audit_credits() == []


@pytest.mark.slow
def test_one_that_is_lost_three_times_fails_and_costs_nothing_and_can_go_on_later(
    runner: JobRunner, trainer: User, discs: TrainingSet, killed_at: Callable[[int], Any]
) -> None:
    run = make_run(trainer, discs, steps=20)
    for step in (3, 5, 9):
        lose(runner, run, killed_at(step))

    job = job_of(run)
    assert (job.state, job.error_code) == (JobState.FAILED, ErrorCode.WORKER_LOST)
    assert get_receipt(user=trainer, job_id=job.id).charged == 0
    assert not GenerationModel.objects.filter(user=trainer).exists()
    assert run.checkpoint_step == 8

    again = retry_run(user=trainer, run_id=run.id)
    assert again.job_id != job.id
    held = holds_of_jobs(user_id=trainer.id, job_ids=[job.id, again.job_id])
    # Quoted for the steps that are left.
    assert held[again.job_id].held <= held[job.id].held
    assert runner.run_next()
    assert job_of(run).state == JobState.SUCCEEDED
    assert UsageRecord.objects.get().steps == 12
    assert [step for step, _loss in run.losses] == list(range(1, 21))
    assert audit_credits() == []


@pytest.mark.slow
def test_a_worker_that_is_to_end_leaves_a_checkpoint_and_hands_back_uncounted(
    runner: JobRunner, trainer: User, discs: TrainingSet
) -> None:
    run = make_run(trainer, discs, steps=20)
    note = TrainingAttempt._note_progress

    def noted(self: TrainingAttempt, progress: Any) -> None:
        note(self, progress)
        if progress.step == 5:
            runner.shutdown.begin(reason="spot", grace_seconds=0)

    with patch.object(TrainingAttempt, "_note_progress", noted):
        runner.run_next()

    job = job_of(run)
    assert (job.state, job.hand_backs) == (JobState.QUEUED, 1)
    assert run.checkpoint_step == 5
    assert JobRunner(engine=runner.engine, tiers=list(GpuTier), worker="next").run_next()
    assert job_of(run).state == JobState.SUCCEEDED
    assert UsageRecord.objects.get().steps == 15


@pytest.mark.slow
def test_one_that_is_to_end_within_its_last_samples_leaves_these_alone_to_the_next(
    runner: JobRunner, trainer: User, discs: TrainingSet
) -> None:
    run = make_run(trainer, discs, sample_every=10)
    keep = TrainingAttempt._keep_sample

    def kept(self: TrainingAttempt, sample: Any) -> None:
        keep(self, sample)
        runner.shutdown.begin(reason="spot", grace_seconds=0)

    with patch.object(TrainingAttempt, "_keep_sample", kept):
        runner.run_next()

    assert job_of(run).state == JobState.QUEUED
    assert run.checkpoint_step == 10
    assert JobRunner(engine=runner.engine, tiers=list(GpuTier), worker="next").run_next()
    assert job_of(run).state == JobState.SUCCEEDED
    assert UsageRecord.objects.get().steps == 0
    samples = TrainingSample.objects.order_by("number")
    assert [(each.step, each.number) for each in samples] == [(10, 0), (10, 1)]


@pytest.mark.slow
def test_one_that_is_cancelled_keeps_nothing_and_is_charged_its_seconds(
    runner: JobRunner, trainer: User, discs: TrainingSet, stored_files: Files
) -> None:
    run = make_run(trainer, discs, steps=2000)
    note = TrainingAttempt._note_progress

    def noted(self: TrainingAttempt, progress: Any) -> None:
        if progress.step == 3:
            cancel_run(user=trainer, run_id=run.id)
        note(self, progress)

    with patch.object(TrainingAttempt, "_note_progress", noted):
        assert runner.run_next()

    job = job_of(run)
    assert job.state == JobState.CANCELLED
    assert run.checkpoint is None
    assert training_files(stored_files) == set()
    receipt = get_receipt(user=trainer, job_id=job.id)
    assert receipt.charged is not None
    assert receipt.charged >= 1
    usage = UsageRecord.objects.get()
    assert not usage.is_whole
    assert usage.steps < 2000


def test_one_whose_loss_is_no_number_says_so_and_costs_nothing(
    runner: JobRunner, trainer: User, discs: TrainingSet
) -> None:
    run = make_run(trainer, discs, steps=200, learning_rate=0.05)
    with patch.object(TrainingAttempt, "_note_progress", side_effect=TrainingDiverged(step=1)):
        runner.run_next()

    job = job_of(run)
    assert (job.state, job.error_code) == (JobState.FAILED, ErrorCode.TRAINING_DIVERGED)
    assert get_receipt(user=trainer, job_id=job.id).charged == 0
    # It would end so again.
    with pytest.raises(Conflict) as refused:
        retry_run(user=trainer, run_id=run.id)
    assert "lower learning rate" in str(refused.value.detail)
    assert Job.objects.count() == 1


def test_one_whose_picture_is_gone_fails_before_anything_is_loaded(
    runner: JobRunner, trainer: User, discs: TrainingSet
) -> None:
    run = make_run(trainer, discs)
    Image.objects.filter(user=trainer, image_name=run.picture_names[0]).delete()

    runner.run_next()

    job = job_of(run)
    assert (job.state, job.error_code) == (JobState.FAILED, ErrorCode.NOT_FOUND)


def test_a_lora_keeps_its_file_when_the_answer_to_its_commit_is_lost(
    runner: JobRunner, trainer: User, discs: TrainingSet
) -> None:
    run = make_run(trainer, discs)
    names = ("lora_unet_one.lora_down.weight", "lora_unet_one.lora_up.weight")
    weights = safetensors.numpy.save({name: np.zeros((1, 1), "float32") for name in names})
    trained = TrainedLora(weights=weights, losses=(0.5,) * 10, compute_seconds=1.0)

    @contextmanager
    def unanswered(user_id: uuid.UUID) -> Iterator[None]:
        with tenant_scope(user_id):
            yield
        raise OperationalError("server closed the connection unexpectedly")

    finish = TrainingAttempt._finish

    def finish_unanswered(self: TrainingAttempt) -> None:
        with patch("apps.training.services.results.tenant_scope", unanswered):
            finish(self)

    with (
        patch.object(TrainingAttempt, "_train", return_value=trained),
        patch.object(TrainingAttempt, "_finish", finish_unanswered),
    ):
        runner.run_next()

    assert job_of(run).state == JobState.SUCCEEDED
    lora = GenerationModel.objects.get(key=run.model_key)
    assert default_storage.exists(f"{lora.location}/{lora.files[0]['path']}")


def test_a_training_goes_on_without_a_sample_when_the_database_is_away_for_its_check(
    trainer: User, discs: TrainingSet
) -> None:
    run = make_run(trainer, discs)
    reporter = TrainingReporter(job=job_of(run), run=run, total=10)
    away = OperationalError("away for a moment")

    with patch("gpu_tasks.runner.training_reports.check_content", side_effect=away):
        reporter.keep_sample(step=5, number=0, picture=PillowImage.new("RGB", (64, 64)))

    assert not TrainingSample.objects.exists()
