"""Trainings that one user begins from several sides at the same moment."""

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from apps.accounts.models import User
from apps.core.errors import Conflict
from apps.core.tenancy import tenant_scope
from apps.credits.models import Hold
from apps.generation.models import Job
from apps.training.models import TrainingRun, TrainingSet
from apps.training.services import admission, runs
from tests.generation.test_queue_races import together
from tests.lora_training.factories import TINY, make_run

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(user: User, begin: Callable[[], TrainingRun]) -> list[Any]:
    def run() -> TrainingRun:
        with tenant_scope(user.id):
            return begin()

    return together(run, run)


def counts() -> tuple[int, int, int]:
    return TrainingRun.objects.count(), Job.objects.count(), Hold.objects.count()


def test_trainings_of_one_set_begun_at_once_keep_to_what_may_be_open(
    trainer: User, discs: TrainingSet, settings: Any
) -> None:
    settings.EASEL_OPEN_TRAININGS_MAX = 1

    results = at_once(trainer, lambda: make_run(trainer, discs))

    assert {type(each) for each in results} == {TrainingRun, Conflict}
    assert counts() == (1, 1, 1)


def test_without_the_lock_there_would_be_more_open_than_may_be(
    trainer: User, discs: TrainingSet, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EASEL_OPEN_TRAININGS_MAX = 1
    counted = threading.Barrier(2)

    def go_on(user_id: uuid.UUID) -> None:
        del user_id

    def wait_until_both_have_counted(**asked: Any) -> None:
        del asked
        counted.wait(timeout=10)

    for module in (admission, runs):
        monkeypatch.setattr(module, "wait_for_others", go_on)
    monkeypatch.setattr(admission, "check_room", wait_until_both_have_counted)
    at_once(trainer, lambda: make_run(trainer, discs))

    assert counts() == (2, 2, 2)


def test_one_key_used_at_once_is_one_training(trainer: User, discs: TrainingSet) -> None:
    def begin() -> TrainingRun:
        asked = {"set": discs.id} | TINY
        return runs.start_run(user=trainer, asked=asked, idempotency_key="k", digest="d")

    first, second = at_once(trainer, begin)

    assert first.id == second.id
    assert counts() == (1, 1, 1)
