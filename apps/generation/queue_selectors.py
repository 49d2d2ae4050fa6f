"""Reads on the queue: who is next, where one's jobs stand, and when they will start."""

import math
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, models
from django.db.models import Max, Min, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.tenancy import closed_scope
from apps.generation.events import QueueEvent, QueuePlacePayload
from apps.generation.models import TERMINAL_STATES, Job, JobState, Lane, Priority, position_now
from apps.generation.selectors import list_jobs
from apps.generation.workers import live_workers
from apps.plans.tiers import GpuTier
from gpu_tasks.providers.facts import PROVIDER_MODEL_KEYS

# So many waiting jobs an event tells of; the API has them all.
PLACES_TOLD = 50
# Jobs that ended are listed until they are pruned, but no more than these.
ENDED_LISTED = 50


class WaitingFor(models.TextChoices):
    """What a waiting job waits for."""

    WORKER = "worker", _("waiting for a worker")
    OWN_JOB = "own_job", _("waiting for your other job")
    IDLE = "idle", _("waiting until nobody else needs the GPU")
    PAUSED = "paused", _("paused")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a waiting job stands among its user's, from 1, and the seconds until its start.

    `earliest` and `latest` are `None` where nothing can be said.
    """

    position: int
    waiting_for: WaitingFor
    earliest: float | None
    latest: float | None

    def payload(self) -> QueuePlacePayload:
        """Return it as JSON, in whole seconds."""
        return {
            "position": self.position,
            "waiting_for": self.waiting_for.value,
            "starts_in": None
            if self.earliest is None
            else {
                "earliest": math.floor(self.earliest),
                "latest": None if self.latest is None else math.ceil(self.latest),
            },
        }


@dataclass(frozen=True, slots=True)
class Rivals:
    """The others in a tier: due before us, active, their running jobs, their usual seconds."""

    before: int
    active: int
    running: int
    mean_seconds: float


@dataclass(frozen=True, slots=True)
class Queue:
    """A user's queue: the jobs it lists (running, waiting in order, ended) and their places."""

    paused: bool
    running: list[Job]
    waiting: list[Job]
    ended: list[Job]
    places: dict[uuid.UUID, Place]


def next_model(*, tiers: Collection[GpuTier]) -> tuple[GenerationModel, GpuTier] | None:
    """Return the model that the job needs which is due next in `tiers`, and its tier.

    For a worker, which is nobody's tenant meanwhile: `None` too for a model that is one user's own.
    Those of providers need nothing loaded and are passed over. Nothing is claimed, so another
    worker may take the job.
    """
    with closed_scope():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT model_key, tier FROM easel_next_model(%s, %s)",
                [list(tiers), list(PROVIDER_MODEL_KEYS)],
            )
            found = cursor.fetchone()
        if found is None:
            return None
        model = GenerationModel.objects.filter(key=found[0]).first()
    return None if model is None else (model, GpuTier(found[1]))


def lanes_of(*, user_id: uuid.UUID) -> list[Lane]:
    """Return the lanes of a user, one for each tier the user ever asked for."""
    return list(Lane.objects.filter(user=user_id).order_by("tier"))


def first_in_lane(lane: Lane, count: int) -> list[Job]:
    """Return the first `count` waiting jobs of a lane, those of the background at the end."""
    if count == 0:
        return []
    line = Job.objects.filter(user=lane.user_id, tier=lane.tier, state=JobState.QUEUED)
    line = line.defer("parameters", "work", "grid")
    jobs = list(line.exclude(priority=Priority.BACKGROUND).order_by("position", "id")[:count])
    if len(jobs) < count:
        behind = line.filter(priority=Priority.BACKGROUND).order_by("position", "id")
        jobs += behind[: count - len(jobs)]
    return jobs


def next_to_wake(*, user_id: uuid.UUID) -> Job | None:
    """Return the job that the last place of a user is for, if all of them can be taken."""
    for lane in lanes_of(user_id=user_id):
        waiting = lane.waiting + lane.waiting_background
        if lane.places is not None and 0 < lane.places <= waiting and lane.paused_at is None:
            return first_in_lane(lane, lane.places)[-1]
    return None


def first_position(*, user: User, priority: Priority, count: int) -> int:
    """Return the place of the first of `count` new jobs of `user`."""
    now = position_now()
    if priority != Priority.FRONT:
        return now
    line = waiting_jobs(user=user).exclude(priority=Priority.BACKGROUND)
    first: int | None = line.order_by().aggregate(first=Min("position"))["first"]
    return now if first is None else min(now, first - count)


def last_position(*, user: User, tier: str, background: bool) -> int:
    """Return the place behind all waiting jobs of a line."""
    line = waiting_jobs(user=user).filter(tier=tier)
    behind = Q(priority=Priority.BACKGROUND)
    last = line.filter(behind if background else ~behind).order_by().aggregate(at=Max("position"))
    return max(position_now(), (last["at"] or 0) + 1)


def waiting_jobs(*, user: User) -> QuerySet[Job]:
    """List the waiting jobs of `user` in the order in which they will run, without their work."""
    behind = models.Case(
        models.When(priority=Priority.BACKGROUND, then=models.Value(1)), default=models.Value(0)
    )
    waiting = Job.objects.filter(user=user, state=JobState.QUEUED).defer("work", "grid")
    return waiting.order_by(behind, "position", "id")


def get_queue(*, user: User) -> Queue:
    """Return the queue of `user`; the same number of queries at any length."""
    jobs = list_jobs(user=user)
    lanes = lanes_of(user_id=user.id)
    waiting = list(waiting_jobs(user=user).select_related("model"))
    running = list(jobs.filter(state=JobState.RUNNING).order_by("started_at", "id"))
    ended = jobs.filter(state__in=sorted(TERMINAL_STATES), pruned_at=None)
    return Queue(
        paused=is_paused(lanes),
        running=running,
        waiting=waiting,
        ended=list(ended.order_by("-created_at", "-id")[:ENDED_LISTED]),
        places=_places(user, lanes=lanes, waiting=waiting, running=running),
    )


def places_of(*, user: User, jobs: Iterable[Job]) -> dict[uuid.UUID, Place]:
    """Return where each of `jobs` of `user` stands that waits; no query if none does."""
    asked = {job.id for job in jobs if job.state == JobState.QUEUED}
    if not asked:
        return {}
    places = _places(
        user,
        lanes=lanes_of(user_id=user.id),
        waiting=list(waiting_jobs(user=user).defer("parameters")),
        running=_running_jobs(user),
    )
    return {job_id: place for job_id, place in places.items() if job_id in asked}


def queue_event(*, user: User) -> QueueEvent:
    """Return what the sockets of `user` are told of the queue."""
    lanes = lanes_of(user_id=user.id)
    waiting = list(waiting_jobs(user=user).defer("parameters"))
    running = _running_jobs(user)
    places = _places(user, lanes=lanes, waiting=waiting, running=running)
    return {
        "type": "queue",
        "paused": is_paused(lanes),
        "waiting": len(waiting),
        "running": len(running),
        "jobs": [
            {"job_id": str(job.id), **places[job.id].payload()} for job in waiting[:PLACES_TOLD]
        ],
    }


def is_paused(lanes: Sequence[Lane]) -> bool:
    """Say whether a user has paused the queue; lanes are paused and resumed together."""
    return any(lane.paused_at is not None for lane in lanes)


def _running_jobs(user: User) -> list[Job]:
    running = Job.objects.filter(user=user, state=JobState.RUNNING)
    return list(running.defer("parameters", "work", "grid"))


def _places(
    user: User, *, lanes: Sequence[Lane], waiting: Sequence[Job], running: Sequence[Job]
) -> dict[uuid.UUID, Place]:
    places: dict[uuid.UUID, Place] = {}
    for lane in lanes:
        line = [job for job in waiting if job.tier == lane.tier]
        if line:
            own = [job for job in running if job.tier == lane.tier]
            places |= _places_in_lane(user, lane=lane, line=line, running=own)
    # Over all tiers: a user who has changed the plan sees one queue.
    order = {job.id: number for number, job in enumerate(waiting, start=1)}
    return {
        job_id: Place(order[job_id], place.waiting_for, place.earliest, place.latest)
        for job_id, place in places.items()
        if job_id in order
    }


def _places_in_lane(
    user: User, *, lane: Lane, line: Sequence[Job], running: Sequence[Job]
) -> dict[uuid.UUID, Place]:
    workers = live_workers(tier=GpuTier(lane.tier)).count()
    rivals = _rivals(user, lane)
    remaining = sum(_remaining(job) for job in running)
    places: dict[uuid.UUID, Place] = {}
    before = 0.0
    for number, job in enumerate(line):
        background = job.priority == Priority.BACKGROUND
        waiting_for = _waiting_for(lane, number, is_idle=not background or rivals.active == 0)
        earliest = latest = None
        if workers and waiting_for != WaitingFor.PAUSED:
            earliest, latest = _estimate(
                lane=lane,
                number=number,
                seconds_before=before,
                remaining=remaining,
                workers=workers,
                rivals=rivals,
            )
            if background and rivals.active:
                latest = None
        places[job.id] = Place(number + 1, waiting_for, earliest, latest)
        before += job.expected_seconds
    return places


def _waiting_for(lane: Lane, number: int, *, is_idle: bool) -> WaitingFor:
    if lane.paused_at is not None:
        return WaitingFor.PAUSED
    if lane.places is not None and number >= lane.places:
        return WaitingFor.OWN_JOB
    return WaitingFor.WORKER if is_idle else WaitingFor.IDLE


def _estimate(
    *,
    lane: Lane,
    number: int,
    seconds_before: float,
    remaining: float,
    workers: int,
    rivals: Rivals,
) -> tuple[float, float]:
    """Return the seconds until the start: at the earliest and at the latest.

    At best nobody else takes a worker, so that the user's own jobs before it run on as many as the
    plan allows. At worst every other active user goes on asking, and all share the workers alike;
    those who are before the user have a turn each.
    """
    most = workers if lane.parallel_limit is None else min(workers, lane.parallel_limit)
    share = min(most, workers / (rivals.active + 1))
    has_place = lane.places is None or number < lane.places
    own = seconds_before + (0 if has_place else remaining)
    free = workers - rivals.running - lane.running
    if has_place and number < free - rivals.before:
        return 0.0, 0.0
    earliest = own / most if number >= most or not has_place else 0.0
    turns = (rivals.before + 1) * rivals.mean_seconds if rivals.active else 0.0
    return earliest, own / share + turns / workers + (remaining if free <= 0 else 0.0)


def _remaining(job: Job) -> float:
    if job.started_at is None:
        return job.expected_seconds
    ran = (timezone.now() - job.started_at).total_seconds()
    return max(job.expected_seconds - ran, 0.0)


def _rivals(user: User, lane: Lane) -> Rivals:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT before, active, running, mean_seconds FROM easel_rivals(%s, %s)",
            [user.id, lane.tier],
        )
        row: tuple[Any, ...] = cursor.fetchone()
    return Rivals(*row)
