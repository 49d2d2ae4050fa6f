"""Claims: how many a second, what one costs at any backlog, and whether users get their share.

Workers are simulated: they claim as workers do, by the very function and in their number of
threads and connections, but a job is over at once, having taken the seconds it is said to.
"""

import json
import logging
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.catalog.services import install_starter_model
from apps.core.database import owner_login
from apps.core.tenancy import service_scope, tenant_scope
from apps.generation.models import Job, JobState
from apps.generation.services.leases import claim_next_job
from apps.plans.tiers import GpuTier
from tests.benchmarks.report import Report, Target, percentile

USERS = 100
WORKERS = 8
TIER, EMPTY_TIER = GpuTier.BASIC, GpuTier.DEDICATED
WARM_UP = 50
EXPLAINED = 21
# Of each user all jobs take as long: from one second to ten.
SECONDS = tuple(1.0 + 9.0 * number / (USERS - 1) for number in range(USERS))
# Quotes are wrong by as much either way.
EXPECTED = 4.0

_INSERT = """
    INSERT INTO generation_job (id, user_id, state, tier, parallel_limit, model_id, parameters,
        request_digest, priority, position, expected_seconds, attempt, worker, wake_count,
        error_code, error_id, created_at, updated_at)
    SELECT gen_random_uuid(), owner.id, 'queued', %s, 1, %s, '{"num_images": 1}', '', 'normal',
        extract(epoch FROM clock_timestamp()) * 1000000, %s, 0, '', 1, '', '', now(), now()
    FROM generate_series(1, %s) AS number CROSS JOIN unnest(%s::uuid[]) AS owner (id)
"""
# As the trigger would, row by row.
_COUNT = """
    INSERT INTO generation_lane (id, user_id, tier, waiting, waiting_seconds, waiting_background,
        running, running_elsewhere, parallel_limit, served_seconds, served_at, served_rank,
        created_at, updated_at)
    SELECT gen_random_uuid(), user_id, tier, count(*), sum(expected_seconds), 0, 0, 0, 1, 0, now(),
        easel_lane_rank(0, now()), now(), now()
    FROM generation_job WHERE state = 'queued' GROUP BY user_id, tier
    ON CONFLICT (user_id, tier) DO UPDATE
    SET waiting = excluded.waiting, waiting_seconds = excluded.waiting_seconds
"""


def run(*, quick: bool) -> Report:
    """Drain a queue with all workers; then measure single claims as the backlog grows."""
    # Nobody listens, and one process publishes for eight.
    logging.getLogger("apps.core.groups").setLevel(logging.ERROR)
    model = install_starter_model()
    users = User.objects.bulk_create(
        User(email=f"bench{number}@example.com") for number in range(USERS)
    )
    bench = _Bench(users=[user.id for user in users], model=model)
    drain = bench.drain(jobs=2_000 if quick else 10_000)
    backlogs = (100, 1_000, 10_000) if quick else (100, 1_000, 10_000, 100_000)
    costs = bench.claims_at(backlogs, tries=200 if quick else 1_000)
    first, last = costs[backlogs[0]], costs[backlogs[-1]]
    figures = drain | {"users": USERS, "workers": WORKERS}
    for backlog, cost in costs.items():
        figures[f"claim_p50_ms_at_{backlog}"] = cost.claim
        figures[f"floor_p50_ms_at_{backlog}"] = cost.floor
        figures[f"claim_buffers_at_{backlog}"] = cost.buffers
    return Report(
        bench="scheduler",
        figures=figures,
        targets={
            "claim_growth": Target(last.over_floor / first.over_floor, 1.5),
            "buffers_growth": Target(last.buffers / first.buffers, 1.5),
            "jain_of_gpu_seconds": Target(drain["jain_of_gpu_seconds"], 0.95, better="higher"),
        },
    )


@dataclass(frozen=True, slots=True)
class _Cost:
    """Medians in milliseconds, of a claim and of one where nothing waits; and of their ratio.

    `buffers` are the pages that PostgreSQL looks at for a claim, however busy the machine is.
    """

    claim: float
    floor: float
    over_floor: float
    buffers: float


class _Bench:
    """Some users with waiting jobs of one tier."""

    def __init__(self, *, users: list[uuid.UUID], model: GenerationModel) -> None:
        self.users = users
        self.model = model
        self.seconds = dict(zip(users, SECONDS, strict=True))
        self._lock = threading.Lock()
        self._ended: list[uuid.UUID] = []
        self._claims: list[float] = []

    def drain(self, *, jobs: int) -> dict[str, float]:
        """Serve all of `jobs` with every worker, and say how quickly and how justly."""
        self._fill(jobs)
        started = time.perf_counter()
        with ThreadPoolExecutor(WORKERS) as threads:
            list(threads.map(self._work, range(WORKERS)))
        took = time.perf_counter() - started
        if len(self._ended) != jobs or len(set(self._ended)) != USERS:
            raise RuntimeError("not every job was served once")
        return {
            "jobs": jobs,
            "claims_a_second": jobs / took,
            "claim_p50_ms": median(self._claims),
            "claim_p95_ms": percentile(self._claims, 95),
            "jain_of_gpu_seconds": _jain(self._shares(jobs // USERS)),
        }

    def claims_at(self, backlogs: tuple[int, ...], *, tries: int) -> dict[int, _Cost]:
        """Measure claims at each backlog, which is made up again after each of them.

        They take turns with claims in a tier where nothing waits: the same round trips on a
        machine that is as busy.
        """
        costs = {}
        for backlog in backlogs:
            with service_scope("bench"):
                Job.objects.filter(state=JobState.QUEUED).delete()
            self._fill(backlog)
            taken = []
            for _ in range(WARM_UP + tries):
                floor, _none = _timed_claim(EMPTY_TIER)
                claim, job = _timed_claim(TIER)
                if job is None:
                    raise RuntimeError("nothing was due")
                self._end(job)
                self._ask(job.user_id)
                taken.append((claim, floor))
            pairs = taken[WARM_UP:]
            costs[backlog] = _Cost(
                claim=median(claim for claim, _ in pairs),
                floor=median(floor for _, floor in pairs),
                over_floor=median(claim / floor for claim, floor in pairs),
                buffers=median(_buffers_of_a_claim() for _ in range(EXPLAINED)),
            )
        return costs

    def _work(self, number: int) -> None:
        try:
            while True:
                cost, job = _timed_claim(TIER, worker=f"bench-{number}")
                if job is None:
                    return
                self._end(job)
                with self._lock:
                    self._claims.append(cost)
                    self._ended.append(job.user_id)
        finally:
            connection.close()

    def _end(self, job: Job) -> None:
        with tenant_scope(job.user_id):
            Job.objects.filter(id=job.id).update(
                state=JobState.SUCCEEDED,
                compute_seconds=self.seconds[job.user_id],
                finished_at=timezone.now(),
                lease_expires_at=None,
            )

    def _ask(self, user_id: uuid.UUID) -> None:
        with service_scope("bench"), connection.cursor() as cursor:
            cursor.execute(_INSERT, [TIER, self.model.key, EXPECTED, 1, [user_id]])

    def _fill(self, jobs: int) -> None:
        with _triggers_off(), service_scope("bench"), connection.cursor() as cursor:
            values: list[Any] = [TIER, self.model.key, EXPECTED, jobs // USERS, self.users]
            cursor.execute(_INSERT, values)
            cursor.execute(_COUNT)
        with owner_login(), connection.cursor() as cursor:
            # As the server does by itself after a while.
            cursor.execute("VACUUM ANALYZE generation_job, generation_lane")

    def _shares(self, jobs_of_user: int) -> list[float]:
        """Return the seconds of each user until the first of them had no job any more."""
        served: dict[uuid.UUID, float] = defaultdict(float)
        count: Counter[uuid.UUID] = Counter()
        for user in self._ended:
            served[user] += self.seconds[user]
            count[user] += 1
            if count[user] == jobs_of_user:
                break
        return [served[user] for user in self.users]


def _timed_claim(tier: GpuTier, *, worker: str = "bench") -> tuple[float, Job | None]:
    begun = time.perf_counter()
    job = claim_next_job(tiers=[tier], worker=worker)
    return (time.perf_counter() - begun) * 1000, job


def _buffers_of_a_claim() -> float:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM"
            " easel_claim_job(%s, 'bench', interval '30 s')",
            [[TIER]],
        )
        (answer,) = cursor.fetchone()
        transaction.set_rollback(True)
    plan = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
    return float(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def _jain(shares: list[float]) -> float:
    return sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares))


@contextmanager
def _triggers_off() -> Iterator[None]:
    for word in ("DISABLE", "ENABLE"):
        with owner_login(), connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE generation_job {word} TRIGGER USER")
        if word == "DISABLE":
            yield
