"""Trainings over the API: begun with a quote and a cap, listed, shown, cancelled, taken off."""

from typing import Any
from unittest.mock import patch

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.errors import ErrorCode, Forbidden
from apps.credits.models import Hold
from apps.credits.selectors import read_balance
from apps.generation import quotes
from apps.generation.models import Job, JobKind, JobState
from apps.images.models import Image
from apps.images.services.library import trash_images
from apps.plans.models import Subscription
from apps.training.models import TrainingRun, TrainingSample, TrainingSet
from apps.training.services.results import (
    begin_attempt,
    keep_checkpoint,
    note_losses,
    thinned,
)
from tests.lora_training.factories import api_of, body, claim, end, make_run, make_sample
from tests.queries import counted_queries

URL = "/api/v1/training/runs"
QUOTE = "/api/v1/training/quote"


def begin(user: User, found: TrainingSet, *, key: str = "", **settings: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return api_of(user).post(URL, body(found, **settings), format="json", headers=headers)


def test_a_training_is_accepted_with_what_it_was_quoted_held(
    trainer: User, discs: TrainingSet
) -> None:
    offer = api_of(trainer).post(QUOTE, body(discs), format="json").json()

    answer = begin(trainer, discs, name="Mine", quote=offer["token"], max_credits=10_000)

    assert answer.status_code == 202
    run = answer.json()
    assert answer["Location"] == run["url"] == f"{URL}/{run['id']}"
    assert (run["name"], run["state"], run["step"], run["steps"]) == ("Mine", "queued", 0, 10)
    assert [row["caption"] for row in run["pictures"]] == [
        "a red disc",
        "a green disc",
        "a blue disc",
    ]
    assert run["settings"]["trigger"] == "zorg"
    assert (run["losses"], run["samples"], run["result"]) == ([], [], None)
    job = Job.objects.get()
    assert (job.kind, str(job.id), job.tier) == (JobKind.TRAINING, run["generation"], "dedicated")
    assert job.pictures_wanted == set(TrainingRun.objects.get().picture_names)
    assert Hold.objects.get().amount == offer["credits"]
    assert api_of(trainer).get(run["url"]).json() == run


def test_a_quote_above_the_cap_is_refused_with_its_numbers(
    trainer: User, discs: TrainingSet
) -> None:
    answer = begin(trainer, discs, steps=10_000, max_credits=3)

    said = answer.json()
    assert (answer.status_code, said["code"], said["limit"]) == (409, "quote_above_cap", 3)
    assert said["required"] > 3
    assert not Job.objects.exists()
    assert not Hold.objects.exists()
    assert not TrainingRun.objects.exists()


def test_a_quote_for_something_else_or_too_old_is_refused(
    trainer: User, discs: TrainingSet
) -> None:
    token = api_of(trainer).post(QUOTE, body(discs), format="json").json()["token"]

    other = begin(trainer, discs, steps=20, quote=token)
    with patch.object(quotes, "QUOTE_SECONDS", -1):
        late = begin(trainer, discs, quote=token)

    for answer in (other, late):
        assert (answer.status_code, answer.json()["code"]) == (409, "quote_expired")
    assert not TrainingRun.objects.exists()


def test_a_key_used_again_is_one_training(trainer: User, discs: TrainingSet) -> None:
    first = begin(trainer, discs, key="k")
    again = begin(trainer, discs, key="k")
    other = begin(trainer, discs, key="k", steps=20)

    assert again.json()["id"] == first.json()["id"]
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert TrainingRun.objects.count() == Job.objects.count() == 1


def test_a_key_used_again_is_the_same_training_whatever_has_changed_since(
    trainer: User, discs: TrainingSet, settings: Any
) -> None:
    asked = body(discs)
    headers = {"Idempotency-Key": "k"}
    first = api_of(trainer).post(URL, asked, format="json", headers=headers)
    settings.EASEL_OPEN_TRAININGS_MAX = 1
    discs.delete()

    again = api_of(trainer).post(URL, asked, format="json", headers=headers)

    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert Job.objects.count() == 1


def test_there_are_not_more_open_trainings_than_there_may_be(
    trainer: User, discs: TrainingSet
) -> None:
    runs = [make_run(trainer, discs), make_run(trainer, discs)]

    answer = begin(trainer, discs)

    said = answer.json()
    assert (answer.status_code, said["limit"], said["open"]) == (409, 2, 2)
    assert Job.objects.count() == TrainingRun.objects.count() == 2
    end(runs[0], JobState.FAILED)
    assert begin(trainer, discs).status_code == 202
    # To try one again is to have one more.
    assert api_of(trainer).post(f"{URL}/{runs[0].id}/retry").status_code == 409


def test_what_open_trainings_will_leave_counts_as_models_and_storage(
    trainer: User, discs: TrainingSet, settings: Any
) -> None:
    settings.EASEL_OWN_MODELS_MAX = 1
    make_run(trainer, discs)
    at_the_limit = begin(trainer, discs)

    settings.EASEL_OWN_MODELS_MAX = 50
    Subscription.objects.filter(user=trainer, plan="enterprise").update(custom_storage_gb=1)
    # Room for one LoRA, and not for two.
    image = Image.objects.filter(user=trainer)[0]
    Image.objects.filter(id=image.id).update(file_size_bytes=10**9 - 100 * 2**20)
    without_room = begin(trainer, discs)

    assert (at_the_limit.status_code, at_the_limit.json()["limit"]) == (409, 1)
    assert (without_room.status_code, without_room.json()["code"]) == (403, "storage_full")
    assert Job.objects.count() == 1


def test_without_enough_credits_nothing_begins(trainer: User, discs: TrainingSet) -> None:
    available = read_balance(user_id=trainer.id).available

    answer = begin(trainer, discs, steps=10_000, resolution=256, batch_size=8)

    said = answer.json()
    assert (answer.status_code, said["code"]) == (402, "insufficient_credits")
    assert said["available"] == available < said["required"]
    assert not TrainingRun.objects.exists()


def test_too_few_pictures_are_refused(trainer: User, discs: TrainingSet) -> None:
    row = discs.pictures.select_related("image")[0]
    trash_images(user=trainer, names=[row.image.image_name])

    answer = begin(trainer, discs)

    assert (answer.status_code, answer.json()["invalid_fields"]) == (422, ["set"])
    assert not Job.objects.exists()


def test_without_the_plan_nothing_begins(trainer: User, discs: TrainingSet) -> None:
    Subscription.objects.filter(user=trainer, plan="enterprise").delete()

    answer = begin(trainer, discs)

    said = answer.json()
    assert (answer.status_code, said["code"]) == (403, "feature_not_in_plan")
    assert said["smallest_plan"] == "enterprise"
    assert not Job.objects.exists()


def test_what_a_paused_plan_had_cannot_be_begun(trainer: User, discs: TrainingSet) -> None:
    Subscription.objects.filter(user=trainer).update(pause_reason="payment_failed")

    assert begin(trainer, discs).status_code == 403
    assert not Job.objects.exists()


def test_a_blocked_phrase_in_a_caption_is_refused(
    trainer: User, discs: TrainingSet, settings: Any, tmp_path: Any
) -> None:
    phrases = tmp_path / "phrases.txt"
    phrases.write_text("green disc\n")
    settings.EASEL_BLOCKED_PHRASES = str(phrases)

    answer = begin(trainer, discs)

    assert (answer.status_code, answer.json()["code"]) == (403, "content_refused")
    assert not Job.objects.exists()


def test_a_stranger_finds_nothing_and_changes_nothing(
    trainer: User, discs: TrainingSet, stranger_api: APIClient
) -> None:
    run = make_run(trainer, discs)
    sample = make_sample(run)
    url = f"{URL}/{run.id}"

    for answer in (
        stranger_api.get(url),
        stranger_api.delete(url),
        stranger_api.post(f"{url}/cancel"),
        stranger_api.post(f"{url}/retry"),
        stranger_api.get(f"{url}/samples/{sample.name}"),
        stranger_api.post(URL, body(discs), format="json"),
    ):
        assert answer.status_code == 404
    assert Job.objects.get().state == JobState.QUEUED


def test_a_sample_is_delivered_and_a_checkpoint_never(trainer: User, discs: TrainingSet) -> None:
    run = make_run(trainer, discs)
    held = claim(run)
    assert keep_checkpoint(held, step=5, content=b"weights", losses=[[5, 0.5]])
    make_sample(held)
    api = api_of(trainer)

    shown = api.get(f"{URL}/{run.id}").json()

    (sample,) = shown["samples"]
    assert (sample["step"], sample["prompt"]) == (5, "zorg, a red disc")
    picture = api.get(sample["url"])
    assert (picture.status_code, picture["Content-Type"]) == (200, "image/png")
    assert b"".join([picture.content]).startswith(b"\x89PNG")
    held.refresh_from_db()
    assert (shown["checkpoint_step"], shown["losses"]) == (5, [[5, 0.5]])
    assert str(held.checkpoint) not in str(shown)


def test_a_sample_is_not_kept_where_the_storage_is_full(
    trainer: User, discs: TrainingSet, stored_files: Any
) -> None:
    held = claim(make_run(trainer, discs))
    files = stored_files()
    Subscription.objects.filter(user=trainer, plan="enterprise").update(custom_storage_gb=1)
    Image.objects.filter(user=trainer).update(file_size_bytes=10**9)

    with pytest.raises(Forbidden) as refused:
        make_sample(held)

    assert refused.value.code == ErrorCode.STORAGE_FULL
    assert stored_files() == files
    assert not TrainingSample.objects.exists()


def test_a_waiting_training_is_cancelled_at_once_and_its_credits_are_free(
    trainer: User, discs: TrainingSet
) -> None:
    before = read_balance(user_id=trainer.id)
    run = make_run(trainer, discs)

    answer = api_of(trainer).post(f"{URL}/{run.id}/cancel")

    assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
    assert read_balance(user_id=trainer.id) == before
    assert api_of(trainer).delete(f"{URL}/{run.id}").status_code == 204
    assert not TrainingRun.objects.exists()


def test_one_that_has_not_ended_is_neither_taken_off_nor_tried_again(
    trainer: User, discs: TrainingSet
) -> None:
    run = make_run(trainer, discs)

    assert api_of(trainer).delete(f"{URL}/{run.id}").status_code == 409
    assert api_of(trainer).post(f"{URL}/{run.id}/retry").status_code == 409
    assert TrainingRun.objects.count() == Job.objects.count() == 1


def test_an_attempt_that_lost_its_job_writes_nothing(
    trainer: User, discs: TrainingSet, stored_files: Any
) -> None:
    run = make_run(trainer, discs)
    old = claim(run)
    Job.objects.filter(id=run.job_id).update(attempt=2)
    new = begin_attempt(Job.objects.get(id=run.job_id))
    assert new is not None
    files = stored_files()

    assert not keep_checkpoint(old, step=9, content=b"late", losses=[])
    assert not note_losses(old, step=9, losses=[[9, 1.0]])
    assert begin_attempt(Job(id=run.job_id, user=trainer, attempt=1)) is None

    run.refresh_from_db()
    assert (run.checkpoint, run.step, run.losses) == (None, 0, [])
    assert stored_files() == files


def test_losses_are_thinned_out_to_means() -> None:
    points = [[step, float(step % 2)] for step in range(1, 2501)]

    few = thinned(points)

    assert len(few) == 834
    assert few[0] == [3, pytest.approx(2 / 3)]
    assert few[-1][0] == 2500
    assert thinned(points[:10]) == points[:10]


def test_a_list_costs_as_many_queries_at_any_length(
    trainer: User, discs: TrainingSet, starter: GenerationModel, settings: Any
) -> None:
    settings.EASEL_OPEN_TRAININGS_MAX = 4
    api = api_of(trainer)
    claim(make_run(trainer, discs))
    with counted_queries() as few:
        assert len(api.get(URL).json()["results"]) == 1
    for _number in range(3):
        claim(make_run(trainer, discs))
    with counted_queries() as many:
        shown = api.get(URL).json()["results"]

    assert len(shown) == 4
    assert "losses" not in shown[0]
    assert len(many) == len(few)
