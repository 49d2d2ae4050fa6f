"""Whose turn it is: by GPU seconds, so that nobody's thousand jobs cost anybody else's turn.

Time is simulated: jobs end with the seconds they are said to have taken.
"""

import heapq
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.catalog.services import install_starter_model
from apps.core.errors import ErrorCode
from apps.generation.models import Job, JobState, Lane, Priority, position_now
from apps.generation.services.lanes import set_pause
from apps.generation.services.leases import claim_next_job, hand_back
from apps.generation.services.results import fail_job, finish_job
from apps.plans.tiers import GpuTier
from tests.factories import make_job, make_user

pytestmark = pytest.mark.django_db

ALL = list(GpuTier)


def claim(**wanted: Any) -> Job | None:
    return claim_next_job(tiers=ALL, worker="w", **wanted)


def end(job: Job, seconds: float) -> None:
    assert finish_job(
        user_id=job.user_id,
        job_id=job.id,
        attempt=job.attempt,
        pictures=[],
        compute_seconds=seconds,
    )


def add_waiting(user: User, model: GenerationModel, count: int, **fields: Any) -> list[Job]:
    """Insert waiting jobs as quickly as can be; they hold no credits, and nobody asks."""
    now = position_now()
    given = {"expected_seconds": 5.0, "tier": GpuTier.BASIC, "parallel_limit": 1} | fields
    return Job.objects.bulk_create(
        Job(
            user=user,
            model=model,
            parameters={
                "prompt": "x",
                "width": 64,
                "height": 64,
                "steps": 1,
                "num_images": 1,
                "guidance_scale": 1.0,
                "scheduler": "euler_a",
                "seed": 1,
            },
            position=now + number,
            **given,
        )
        for number in range(count)
    )


@dataclass
class Shop:
    """Some workers that serve whatever is due, in simulated time."""

    workers: int
    seconds: Callable[[Job], float]
    now: float = 0.0
    busy: list[tuple[float, int, Job, float]] = field(default_factory=list)
    served: dict[Any, float] = field(default_factory=lambda: defaultdict(float))
    started: dict[Any, float] = field(default_factory=dict)
    count: int = 0

    def fill(self) -> None:
        while len(self.busy) < self.workers:
            job = claim()
            if job is None:
                return
            took = self.seconds(job)
            self.started[job.id] = self.now
            self.count += 1
            heapq.heappush(self.busy, (self.now + took, self.count, job, took))

    def run_until(self, moment: float) -> None:
        self.fill()
        while self.busy and self.busy[0][0] <= moment:
            self.now, _number, job, took = heapq.heappop(self.busy)
            end(job, took)
            self.served[job.user_id] += took
            self.fill()
        self.now = moment


def jain(values: list[float]) -> float:
    return sum(values) ** 2 / (len(values) * sum(value**2 for value in values))


def test_nobody_waits_for_more_than_a_job_behind_somebodys_thousand(
    starter: GenerationModel,
) -> None:
    greedy = make_user("greedy@example.com")
    others = [make_user(f"user{number}@example.com") for number in range(9)]
    add_waiting(greedy, starter, 1000)
    shop = Shop(workers=1, seconds=lambda _job: 5.0)
    shop.run_until(100)
    waits = []
    for number, other in enumerate(others):
        asked_at = 100 + 12.0 * number
        shop.run_until(asked_at)
        (job,) = add_waiting(other, starter, 1)
        shop.run_until(asked_at + 11.9)
        waits.append(shop.started[job.id] - asked_at)

    assert max(waits) <= 5.0
    assert shop.served[greedy.id] > 100


@pytest.mark.slow
def test_busy_users_get_the_same_seconds_whatever_their_jobs_take(
    starter: GenerationModel,
) -> None:
    lengths = random.Random(1)
    users = [make_user(f"user{number}@example.com") for number in range(10)]
    takes = {user.id: 1.0 + number for number, user in enumerate(users)}
    for user in users:
        # What is expected is wrong, as it always is.
        add_waiting(user, starter, 150, expected_seconds=3.0)
    shop = Shop(workers=3, seconds=lambda job: takes[job.user_id] * lengths.uniform(0.5, 1.5))

    shop.run_until(400)

    assert jain([shop.served[user.id] for user in users]) >= 0.95


def test_parallel_queues_do_not_take_every_worker_before_the_first_job_ends(
    user: User, stranger: User, starter: GenerationModel
) -> None:
    add_waiting(user, starter, 5, parallel_limit=3)
    theirs = add_waiting(stranger, starter, 1)

    first, second = claim(), claim()

    assert first is not None
    assert second is not None
    assert first.user_id == user.id
    assert second.id == theirs[0].id


def test_what_runs_counts_as_expected_and_at_its_end_as_measured(
    user: User, starter: GenerationModel
) -> None:
    add_waiting(user, starter, 1, expected_seconds=8.0)
    job = claim()
    assert job is not None
    assert served(user) == pytest.approx(8.0, abs=0.01)

    end(job, 3.0)

    assert served(user) == pytest.approx(3.0, abs=0.01)


def served(user: User) -> float:
    return Lane.objects.get(user=user).served_seconds


def test_a_lost_attempt_counts_nothing_and_a_failed_one_what_it_ran(
    user: User, starter: GenerationModel
) -> None:
    add_waiting(user, starter, 1, expected_seconds=8.0)
    job = claim()
    assert job is not None
    assert hand_back(user_id=user.id, job_id=job.id, attempt=1)
    assert served(user) == pytest.approx(0.0, abs=0.01)
    assert claim() is not None
    Job.objects.update(started_at=timezone.now() - timedelta(seconds=5))

    assert fail_job(user_id=user.id, job_id=job.id, attempt=2, code=ErrorCode.OUT_OF_MEMORY)

    assert served(user) == pytest.approx(5.0, abs=0.2)


def test_time_without_jobs_is_not_saved_up(
    user: User, stranger: User, starter: GenerationModel
) -> None:
    add_waiting(user, starter, 200)
    shop = Shop(workers=1, seconds=lambda _job: 5.0)
    shop.run_until(200)
    add_waiting(stranger, starter, 200)

    shop.run_until(400)

    # Not the forty jobs that the other one had before: as many as the other one, one ahead.
    assert shop.served[user.id] - 200 == pytest.approx(100, abs=10)
    assert shop.served[stranger.id] == pytest.approx(100, abs=10)


def test_whoever_was_served_much_long_ago_is_not_locked_out(
    user: User, stranger: User, starter: GenerationModel
) -> None:
    add_waiting(user, starter, 1, expected_seconds=5000.0)
    job = claim()
    assert job is not None
    end(job, 5000.0)
    age_lanes(hours=12)
    shop = Shop(workers=1, seconds=lambda _job: 5.0)
    add_waiting(stranger, starter, 50)
    shop.run_until(20)

    (late,) = add_waiting(user, starter, 1)
    shop.run_until(40)

    assert shop.started[late.id] - 20 <= 5.0


def age_lanes(*, hours: float) -> None:
    """Let time pass for what was served."""
    for lane in Lane.objects.all():
        faded = lane.served_seconds * 0.5 ** (hours * 2)
        Lane.objects.filter(pk=lane.pk).update(served_seconds=faded)


def test_a_paused_queue_saves_up_nothing_either(
    user: User, stranger: User, starter: GenerationModel
) -> None:
    add_waiting(user, starter, 100)
    add_waiting(stranger, starter, 100)
    set_pause(user_id=stranger.id, tier=GpuTier.BASIC, paused=True)
    shop = Shop(workers=1, seconds=lambda _job: 5.0)
    shop.run_until(200)
    assert shop.served[stranger.id] == 0
    set_pause(user_id=stranger.id, tier=GpuTier.BASIC, paused=False)

    shop.run_until(300)

    assert shop.served[stranger.id] == pytest.approx(50, abs=10)


@pytest.fixture
def other_model(starter: GenerationModel) -> GenerationModel:
    copy = install_starter_model()
    copy.pk = "other"
    copy._state.adding = True
    copy.save()
    return copy


def test_a_model_that_is_loaded_goes_first_for_a_while(
    user: User,
    stranger: User,
    starter: GenerationModel,
    other_model: GenerationModel,
    settings: Any,
) -> None:
    settings.EASEL_AFFINITY_SECONDS = 60
    add_waiting(user, other_model, 1)
    (loaded,) = add_waiting(stranger, starter, 1)

    first = claim(loaded=["starter"])

    assert first is not None
    assert first.id == loaded.id
    assert Lane.objects.get(user=user).passed_at is not None


def test_nobody_is_passed_over_for_longer_than_is_said(
    user: User,
    stranger: User,
    starter: GenerationModel,
    other_model: GenerationModel,
    settings: Any,
) -> None:
    settings.EASEL_AFFINITY_SECONDS = 60
    add_waiting(user, other_model, 1)
    add_waiting(stranger, starter, 100, parallel_limit=None)
    for _number in range(20):
        passing = claim(loaded=["starter"])
        assert passing is not None
        assert passing.user_id == stranger.id
    Lane.objects.filter(user=user).update(passed_at=timezone.now() - timedelta(seconds=61))

    strict = claim(loaded=["starter"])

    assert strict is not None
    assert strict.user_id == user.id
    assert Lane.objects.get(user=user).passed_at is None


def test_a_worker_whose_model_nobody_wants_keeps_to_the_order(
    user: User, stranger: User, starter: GenerationModel, other_model: GenerationModel
) -> None:
    (first,) = add_waiting(user, other_model, 1)
    add_waiting(stranger, other_model, 1)

    job = claim(loaded=["starter"])

    assert job is not None
    assert job.id == first.id


def test_without_patience_the_order_is_strict(
    user: User,
    stranger: User,
    starter: GenerationModel,
    other_model: GenerationModel,
    settings: Any,
) -> None:
    settings.EASEL_AFFINITY_SECONDS = 0
    (first,) = add_waiting(user, other_model, 1)
    add_waiting(stranger, starter, 1)

    job = claim(loaded=["starter"])

    assert job is not None
    assert job.id == first.id


def test_the_background_runs_only_when_the_tier_is_idle(
    user: User, stranger: User, starter: GenerationModel
) -> None:
    make_job(user, starter, priority=Priority.BACKGROUND)
    make_job(stranger, starter)

    first = claim()
    assert first is not None
    assert first.user_id == stranger.id
    make_job(stranger, starter)
    second = claim()  # the stranger's second job waits for the first one: nothing else is due

    assert second is not None
    assert second.user_id == user.id


def test_the_background_of_one_tier_does_not_wait_for_another(
    user: User, stranger: User, starter: GenerationModel
) -> None:
    add_waiting(user, starter, 1, priority=Priority.BACKGROUND)
    add_waiting(stranger, starter, 1, tier=GpuTier.DEDICATED)

    job = claim_next_job(tiers=[GpuTier.BASIC], worker="w")

    assert job is not None
    assert job.user_id == user.id


def test_jobs_of_two_tiers_share_the_places_of_their_user(
    user: User, starter: GenerationModel
) -> None:
    add_waiting(user, starter, 1)
    add_waiting(user, starter, 1, tier=GpuTier.HIGH_PERFORMANCE)
    first = claim()
    assert first is not None
    assert claim() is None

    end(first, 1.0)

    assert claim() is not None


@pytest.fixture(autouse=True)
def lanes_are_true(db: None) -> Iterator[None]:
    """After every test the lanes count what the jobs say."""
    yield
    for lane in Lane.objects.all():
        jobs = Job.objects.filter(user=lane.user_id, tier=lane.tier)
        queued = jobs.filter(state=JobState.QUEUED)
        elsewhere = Job.objects.filter(user=lane.user_id, state=JobState.RUNNING)
        assert (
            lane.waiting,
            lane.waiting_background,
            lane.running,
            lane.running_elsewhere,
        ) == (
            queued.exclude(priority=Priority.BACKGROUND).count(),
            queued.filter(priority=Priority.BACKGROUND).count(),
            jobs.filter(state=JobState.RUNNING).count(),
            elsewhere.exclude(tier=lane.tier).count(),
        )
