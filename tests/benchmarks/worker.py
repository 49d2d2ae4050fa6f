"""Pictures a second through queue, worker and storage, against the bare diffusers loop.

The same requests are made by the bare loop, by a worker that makes one job at a time, and by one
that makes those that are alike in one forward pass, in turns within a run.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

from django.db import transaction
from django.db.models import Max, Min

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.catalog.services import install_starter_model
from apps.core.tenancy import service_scope, tenant_scope
from apps.generation.models import Job, JobState
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from apps.plans.tiers import TIERS, GpuTier
from gpu_tasks.engine import Engine, GenerationRequest
from gpu_tasks.engine.batching import MAX_PICTURES, WORTH_WHILE
from gpu_tasks.runner import model_source
from tests.benchmarks.dispatch import PROMPT, BareLoop
from tests.benchmarks.report import Report, Target
from tests.factories import make_job, make_user
from tests.stack import Stack, wait_until

# Each tier has a worker of its own, and they differ in nothing but the switch.
ONE_BY_ONE, TOGETHER = GpuTier.DEDICATED, GpuTier.HIGH_PERFORMANCE
PLAN_OF = {GpuTier.DEDICATED: "enterprise", GpuTier.HIGH_PERFORMANCE: "studio"}
USERS = 4
MINUTES_PATIENCE = 10


def run(*, quick: bool) -> Report:
    """Measure some rounds of so many pictures each, after one that warms everything up."""
    rounds, pictures = (2, 6) if quick else (8, 16)
    model = install_starter_model()
    bare = BareLoop(model)
    with Stack({"EASEL_BATCHING": "off"}) as plain, Stack({"EASEL_BATCHING": "force"}) as batching:
        plain.start_worker(queues=TIERS[ONE_BY_ONE].queue)
        batching.start_worker(queues=TIERS[TOGETHER].queue)
        ways: dict[str, Callable[[int], float]] = {
            "bare": lambda count: sum(bare.run(seed) for seed in range(count)),
            "one_by_one": Client(model, ONE_BY_ONE).run,
            "together": Client(model, TOGETHER).run,
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(1 + rounds):
            names = list(ways)
            # Each is first as often as the others.
            for name in names[number % 3 :] + names[: number % 3]:
                taken = ways[name](pictures if number else 2)
                if number:
                    seconds[name].append(taken / pictures)
    return _report(seconds, measure_passes(model, rounds=2 if quick else 5))


def _report(seconds: dict[str, list[float]], passes: dict[int, float]) -> Report:
    def ratio(over: str, under: str) -> float:
        return median(a / b for a, b in zip(seconds[over], seconds[under], strict=True))

    figures = {f"{name}_per_s": 1 / median(taken) for name, taken in seconds.items()}
    figures["speed_up_of_batching"] = ratio("one_by_one", "together")
    for size, taken in passes.items():
        figures[f"pass_of_{size}_s_a_picture"] = taken
    size = 1
    while 2 * size in passes and passes[2 * size] <= WORTH_WHILE * passes[size]:
        size *= 2
    figures["pass_that_pays"] = size
    return Report(
        bench="worker",
        figures=figures,
        targets={"worker_over_bare": Target(ratio("bare", "one_by_one"), 0.95, "higher")},
    )


class Client:
    """Users of one tier, whose jobs are accepted at one moment."""

    def __init__(self, model: GenerationModel, tier: GpuTier) -> None:
        self.model = model
        self.users: list[User] = []
        for number in range(USERS):
            user = make_user(f"bench-{tier}-{number}@example.com")
            start_subscription(user=user, plan=PLANS[PLAN_OF[tier]])
            self.users.append(user)

    def run(self, pictures: int) -> float:
        """Return the seconds from the start of the first job to the end of the last."""
        jobs: list[Job] = []
        # Nothing is seen and no wake-up is sent before all are there.
        with transaction.atomic():
            for seed in range(pictures):
                user = self.users[seed % USERS]
                with tenant_scope(user.id):
                    settings: dict[str, Any] = {"prompt": PROMPT, "seed": seed}
                    settings["steps"] = self.model.default_steps
                    jobs.append(make_job(user, self.model, **settings))
        ids = [job.id for job in jobs]
        wait_until(lambda: _ended(ids), seconds=60 * MINUTES_PATIENCE, what="the end of the jobs")
        with service_scope("benchmark"):
            own = Job.objects.filter(id__in=ids, state=JobState.SUCCEEDED)
            if own.count() != pictures:
                raise RuntimeError("a job failed")
            times = own.aggregate(first=Min("started_at"), last=Max("finished_at"))
        taken: float = (times["last"] - times["first"]).total_seconds()
        return taken


def _ended(ids: list[Any]) -> bool:
    # Seldom, since this process has a share of the same processors.
    time.sleep(0.25)
    with service_scope("benchmark"):
        return not Job.objects.filter(id__in=ids, finished_at__isnull=True).exists()


def measure_passes(model: GenerationModel, *, rounds: int) -> dict[int, float]:
    """Return the seconds a picture in passes of 1, 2, 4 … pictures, as a worker would measure."""
    engine = Engine()
    source = model_source(model)
    engine.warm_up(source)
    sizes = [1 << power for power in range(MAX_PICTURES.bit_length())]
    seconds: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(rounds):
        for size in sizes:
            request = GenerationRequest(
                prompt=PROMPT,
                width=model.default_width,
                height=model.default_height,
                steps=model.default_steps,
                guidance_scale=model.default_guidance,
                scheduler=model.default_scheduler,
                seed=1,
                num_images=size,
                model_key=model.key,
            )
            seconds[size].append(engine.generate(request, source=source).compute_seconds / size)
    return {size: median(taken) for size, taken in seconds.items()}
