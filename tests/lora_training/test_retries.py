"""Trainings that go on after they failed or were cancelled: at which price, and from where."""

from datetime import timedelta
from typing import Any
from unittest.mock import patch

from django.utils import timezone

from apps.accounts.models import User
from apps.credits.models import Hold
from apps.generation.models import Job, JobState
from apps.training.models import TrainingRun, TrainingSample, TrainingSet
from apps.training.services import checkpoints
from apps.training.services.checkpoints import forget_checkpoint, remove_old_checkpoints
from apps.training.services.results import (
    begin_anew,
    begin_attempt,
    end_cancelled_run,
    keep_checkpoint,
)
from apps.training.services.retries import retry_run
from tests.lora_training.factories import api_of, body, claim, end, make_run, make_sample

URL = "/api/v1/training/runs"
QUOTE = "/api/v1/training/quote"


def retry(run: TrainingRun, **asked: str) -> Any:
    return api_of(run.user).post(f"{URL}/{run.id}/retry", asked, format="json")


def steps_of_samples(run: TrainingRun, files: set[str]) -> list[int]:
    """Return the steps of the samples there are, whose files alone are there."""
    samples = TrainingSample.objects.filter(run=run).order_by("step")
    assert {key.rsplit("/", 1)[1].split(".")[0] for key in files if "/samples/" in key} == {
        str(each.name) for each in samples
    }
    return [each.step for each in samples]


def test_one_that_failed_is_tried_again_as_another_job(trainer: User, discs: TrainingSet) -> None:
    run = make_run(trainer, discs)
    end(run, JobState.FAILED)
    api = api_of(trainer)
    key = {"Idempotency-Key": "again"}

    first = api.post(f"{URL}/{run.id}/retry", headers=key)
    second = api.post(f"{URL}/{run.id}/retry", headers=key)

    assert (first.status_code, first.json()["state"]) == (202, "queued")
    assert first.json()["generation"] != str(run.job_id)
    assert second.json()["generation"] == first.json()["generation"]
    assert Job.objects.count() == 2
    # Where jobs are tried again that make pictures it is not done.
    assert api.post(f"/api/v1/generations/{run.job_id}/retry", {}, format="json").status_code == 409


def test_what_a_training_has_cost_before_counts_against_its_cap(
    trainer: User, discs: TrainingSet
) -> None:
    quoted = api_of(trainer).post(QUOTE, body(discs), format="json").json()["credits"]
    run = claim(make_run(trainer, discs, max_credits=quoted + 1))
    job = Job.objects.get(id=run.job_id)
    assert end_cancelled_run(run, job=job, steps_done=2, compute_seconds=1.5)

    answer = api_of(trainer).post(f"{URL}/{run.id}/retry")

    said = answer.json()
    assert (answer.status_code, said["code"]) == (409, "quote_above_cap")
    assert (said["required"], said["limit"]) == (quoted + 2, quoted + 1)
    assert Job.objects.count() == 1


def test_what_is_left_is_quoted_before_it_is_tried_again(trainer: User, discs: TrainingSet) -> None:
    run = make_run(trainer, discs, steps=4000)
    assert keep_checkpoint(claim(run), step=3000, content=b"weights", losses=[])
    end(run, JobState.FAILED)
    api = api_of(trainer)
    whole = api.post(QUOTE, body(discs, steps=4000), format="json").json()

    left = api.get(f"{URL}/{run.id}/quote").json()

    assert 0 < left["credits"] < whole["credits"]
    assert (left["available"], left["checkpoint_step"]) == (whole["available"], 3000)
    again = retry(run, quote=left["token"]).json()
    assert Hold.objects.get(job_id=again["generation"]).amount == left["credits"]


def test_what_was_agreed_to_does_not_cost_more_once_its_checkpoint_is_gone(
    trainer: User, discs: TrainingSet, stored_files: Any, django_capture_on_commit_callbacks: Any
) -> None:
    run = make_run(trainer, discs, steps=4000)
    held = claim(run)
    make_sample(held, step=2000)
    assert keep_checkpoint(held, step=3000, content=b"weights", losses=[])
    end(run, JobState.CANCELLED)
    offer = api_of(trainer).get(f"{URL}/{run.id}/quote").json()
    Job.objects.update(finished_at=timezone.now() - timedelta(hours=23))
    assert remove_old_checkpoints() == 0
    Job.objects.update(finished_at=timezone.now() - timedelta(hours=25))

    with django_capture_on_commit_callbacks(execute=True):
        assert remove_old_checkpoints() == 1
        answer = retry(run, quote=offer["token"])

    assert (answer.status_code, answer.json()["code"]) == (409, "quote_expired")
    assert steps_of_samples(run, stored_files()) == [2000]
    assert Job.objects.count() == Hold.objects.count() == 1


def test_samples_of_steps_that_are_done_again_go(
    trainer: User, discs: TrainingSet, stored_files: Any, django_capture_on_commit_callbacks: Any
) -> None:
    run = make_run(trainer, discs, sample_every=2)
    held = claim(run)
    for step in (2, 4, 6):
        make_sample(held, step=step)
        if step == 4:
            assert keep_checkpoint(held, step=4, content=b"weights", losses=[])

    with django_capture_on_commit_callbacks(execute=True):
        Job.objects.filter(id=run.job_id).update(attempt=2)
        held = begin_attempt(Job.objects.get(id=run.job_id)) or held
    assert steps_of_samples(run, stored_files()) == [2, 4]

    # Of what was cancelled there is no checkpoint: all of it is done again.
    end(run, JobState.CANCELLED)
    with django_capture_on_commit_callbacks(execute=True):
        forget_checkpoint(held)
        retry_run(user=trainer, run_id=run.id)
    assert steps_of_samples(run, stored_files()) == []


def test_samples_go_where_a_checkpoint_cannot_be_gone_on_from(
    trainer: User, discs: TrainingSet, stored_files: Any, django_capture_on_commit_callbacks: Any
) -> None:
    run = make_run(trainer, discs, sample_every=2)
    held = claim(run)
    make_sample(held, step=2)
    assert keep_checkpoint(held, step=4, content=b"weights", losses=[])
    Job.objects.filter(id=run.job_id).update(attempt=2)
    new = begin_attempt(Job.objects.get(id=run.job_id))
    assert new is not None

    with django_capture_on_commit_callbacks(execute=True):
        begin_anew(held)
    assert steps_of_samples(run, stored_files()) == [2]

    with django_capture_on_commit_callbacks(execute=True):
        begin_anew(new)
    assert steps_of_samples(run, stored_files()) == []


def test_a_checkpoint_that_nobody_goes_on_from_is_swept(
    trainer: User,
    discs: TrainingSet,
    stored_files: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    runs = [make_run(trainer, discs), make_run(trainer, discs)]
    for run in runs:
        assert keep_checkpoint(claim(run), step=5, content=b"weights", losses=[])
    for run, ended in zip(runs, (JobState.SUCCEEDED, JobState.FAILED), strict=True):
        end(run, ended)

    with django_capture_on_commit_callbacks(execute=True):
        assert remove_old_checkpoints() == 1

    assert len([key for key in stored_files() if "/checkpoints/" in key]) == 1
    with (
        patch.object(checkpoints, "KEPT", timedelta(seconds=-1)),
        django_capture_on_commit_callbacks(execute=True),
    ):
        assert remove_old_checkpoints() == 1
    assert not [key for key in stored_files() if "/checkpoints/" in key]


def test_pictures_deleted_since_are_told_of_when_it_is_tried_again(
    trainer: User, discs: TrainingSet
) -> None:
    run = make_run(trainer, discs)
    end(run, JobState.FAILED)
    discs.pictures.select_related("image")[0].image.delete()

    assert api_of(trainer).post(f"{URL}/{run.id}/retry").status_code == 409
    assert Job.objects.count() == 1
