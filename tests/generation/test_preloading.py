"""The model of the job that is due next, loaded while another job is made."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.db import OperationalError

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.generation.models import Job, JobState
from apps.generation.queue_selectors import next_model
from apps.generation.services.leases import claim_next_job
from apps.plans.tiers import GpuTier
from gpu_tasks.engine import Engine, GenerationResult, ModelSource, PassMember
from gpu_tasks.runner import JobRunner, model_source, preloading
from tests.factories import make_job
from tests.stack import wait_until

# Looked for by a thread with a connection of its own.
pytestmark = pytest.mark.django_db(transaction=True)

QUICK = {"width": 64, "height": 64, "steps": 1}


class Watched(Engine):
    """Keep what came of each pass; the first lasts until `is_ready`."""

    is_ready: Any = None

    def __init__(self, cache_bytes: int | None = None) -> None:
        super().__init__(device="cpu", cache_bytes=cache_bytes)
        self.made: list[GenerationResult | Exception] = []

    def generate_together(
        self, members: Sequence[PassMember], *, source: ModelSource
    ) -> list[GenerationResult | Exception]:
        outcomes = super().generate_together(members, source=source)
        if not self.made and self.is_ready is not None:
            wait_until(self.is_ready, seconds=60, what="the thread beside the job")
        self.made += outcomes
        return outcomes


@pytest.fixture
def second(starter: GenerationModel) -> GenerationModel:
    """The same files under another key, so another model."""
    model = GenerationModel.objects.get(key=starter.key)
    model.key, model.name = "second", "Second"
    model.save(force_insert=True)
    return model


@pytest.fixture(autouse=True)
def look_at_once(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.EASEL_BATCHING = "off"
    monkeypatch.setattr(preloading, "FIRST_LOOK_SECONDS", 0.01)


def run_both(engine: Watched) -> float:
    """Run two jobs; return how long the second waited for its model."""
    runner = JobRunner(engine=engine, tiers=list(GpuTier), worker="test")
    assert runner.run_next()
    assert runner.run_next()
    assert runner.preloader.wait(timeout=60)
    _, result = engine.made
    assert isinstance(result, GenerationResult)
    assert set(Job.objects.values_list("state", flat=True)) == {JobState.SUCCEEDED}
    return result.model_load_seconds


def test_the_second_job_finds_its_model_loaded(
    user: User, stranger: User, starter: GenerationModel, second: GenerationModel, settings: Any
) -> None:
    waits = {}
    for preload in (False, True):
        settings.EASEL_PRELOAD = preload
        engine = Watched()
        if preload:
            engine.is_ready = lambda engine=engine: len(engine.loaded_models) == 2
        make_job(user, starter, **QUICK)
        make_job(stranger, second, **QUICK)
        waits[preload] = run_both(engine)
        # Whose turn it was first is the claim's business.
        assert set(engine.loaded_models) == {starter.key, "second"}

    assert waits[True] < 0.1 * waits[False]


def test_a_model_that_has_no_room_is_left_to_its_job(
    user: User, stranger: User, starter: GenerationModel, second: GenerationModel, settings: Any
) -> None:
    settings.EASEL_PRELOAD = True
    measure = Engine(device="cpu")
    measure.preload(model_source(starter))
    engine = Watched(cache_bytes=int(1.5 * measure.loaded_bytes))
    make_job(user, starter, **QUICK)
    make_job(stranger, second, **QUICK)
    runner = JobRunner(engine=engine, tiers=list(GpuTier), worker="test")
    engine.is_ready = lambda: runner.preloader.wait(timeout=60)

    assert runner.run_next()
    assert engine.loaded_models == [starter.key]
    assert runner.run_next()

    assert engine.loaded_models == ["second"]
    assert set(Job.objects.values_list("state", flat=True)) == {JobState.SUCCEEDED}


def test_a_model_whose_files_are_elsewhere_is_left_to_its_job(
    user: User, stranger: User, starter: GenerationModel, second: GenerationModel, settings: Any
) -> None:
    settings.EASEL_PRELOAD = True
    GenerationModel.objects.filter(key=second.key).update(location="not-here")
    make_job(user, starter, **QUICK)
    make_job(stranger, second, **QUICK)
    engine = Watched()
    runner = JobRunner(engine=engine, tiers=list(GpuTier), worker="test")
    engine.is_ready = lambda: runner.preloader.wait(timeout=60)

    assert runner.run_next()

    assert engine.loaded_models == [starter.key]


def test_whatever_fails_beside_a_job_is_not_the_jobs(
    user: User, starter: GenerationModel, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EASEL_PRELOAD = True
    asked: list[object] = []

    def fail(**arguments: object) -> None:
        asked.append(arguments)
        raise OperationalError("the database is away")

    monkeypatch.setattr(preloading, "next_model", fail)
    job = make_job(user, starter, **QUICK)
    engine = Watched()
    runner = JobRunner(engine=engine, tiers=list(GpuTier), worker="test")
    engine.is_ready = lambda: runner.preloader.wait(timeout=60)

    assert runner.run_next()

    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED
    assert len(asked) == 1


def test_the_next_model_is_that_of_the_job_that_is_due_next(
    user: User, stranger: User, starter: GenerationModel, second: GenerationModel
) -> None:
    tiers = list(GpuTier)
    assert next_model(tiers=tiers) is None
    theirs = make_job(stranger, second, **QUICK)
    make_job(stranger, starter, **QUICK)

    assert next_model(tiers=tiers) == (second, GpuTier(theirs.tier))
    others = [tier for tier in tiers if tier != theirs.tier]
    assert next_model(tiers=others) is None

    theirs.refresh_from_db()
    assert (theirs.state, theirs.attempt) == (JobState.QUEUED, 0)
    # Who runs all that the plan allows has nothing due.
    claimed = claim_next_job(tiers=tiers, worker="test")
    assert claimed == theirs
    assert next_model(tiers=tiers) is None
