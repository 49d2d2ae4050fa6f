"""500 sockets while 50 jobs report their progress: how late it comes, and to whom.

The reports are made by the worker's own code, from one process in place of 50; the sockets are
held by two processes of `progress_sockets`, which note when each message came. Both use the
machine's monotonic clock.
"""

import json
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import psutil
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFilter

from apps.accounts.models import User
from apps.catalog.services import install_starter_model
from apps.generation.events import publisher
from apps.generation.models import Job
from apps.generation.services.leases import claim_next_job
from apps.plans.tiers import GpuTier
from gpu_tasks.engine.request import StepProgress
from gpu_tasks.runner.progress import SECONDS_BETWEEN_REPORTS, ProgressReporter
from tests.benchmarks.report import Report, Target, percentile
from tests.benchmarks.sessions import session_cookies
from tests.factories import make_job, make_user
from tests.stack import ROOT, Stack

JOBS = 50
SOCKETS_OF_A_WATCHER = 9
# They run nothing: whatever they are told of a job is somebody else's.
IDLE_USERS = 50
CLIENTS = 2
# A latent's place is a pixel: the preview of a picture of 1024×1024.
PREVIEW_SIZE = 128
# A little slower than reports are let through, so that none is left out.
SECONDS_BETWEEN_STEPS = SECONDS_BETWEEN_REPORTS * 1.05

# When a step of a job was reported.
Reported = dict[tuple[str, int], float]


@dataclass(slots=True)
class Heard:
    """What all sockets heard: seconds of each delivery, and what should not have come."""

    deliveries: list[float] = field(default_factory=list)
    of_each: Counter[tuple[str, int]] = field(default_factory=Counter)
    to_strangers: int = 0


def run(*, quick: bool) -> Report:
    """Report for some seconds, at the rate of the quickest models, and compare notes."""
    seconds = 10 if quick else 60
    model = install_starter_model()
    watchers = [make_user(f"watcher{number}@example.com") for number in range(JOBS)]
    idle = [make_user(f"idle{number}@example.com") for number in range(IDLE_USERS)]
    for user in watchers:
        make_job(user, model)
    jobs = [job for _user in watchers if (job := claim_next_job(tiers=list(GpuTier), worker="b"))]
    places = [user for user in watchers for _number in range(SOCKETS_OF_A_WATCHER)] + idle
    with Stack({}) as stack:
        stack.start_web()
        clients = [_open(stack, places[number::CLIENTS]) for number in range(CLIENTS)]
        for client in clients:
            _line(client)
        web = psutil.Process(stack.pid("web"))
        before = _cpu_seconds(web)
        began = time.monotonic()
        reported = _report_progress(jobs, seconds=seconds)
        lasted = time.monotonic() - began
        # What is still on its way after this counts as missing.
        time.sleep(2)
        busy = _cpu_seconds(web) - before
        heard = _compare(clients, reported, {str(job.id): str(job.user_id) for job in jobs})
    missing = sum(SOCKETS_OF_A_WATCHER - heard.of_each[step] for step in reported)
    milliseconds = [each * 1e3 for each in heard.deliveries]
    return Report(
        bench="progress",
        figures={
            "sockets": len(places),
            "jobs": len(jobs),
            "reports_a_second": len(reported) / lasted,
            "deliveries_a_second": len(milliseconds) / lasted,
            "preview_bytes": len(_data_url_of_a_preview()),
            "delivery_p50_ms": percentile(milliseconds, 50),
            "delivery_p99_ms": percentile(milliseconds, 99),
            "delivery_max_ms": max(milliseconds),
            "web_cpu": busy / lasted,
            "web_cpu_ms_a_delivery": busy / len(milliseconds) * 1e3,
        },
        targets={
            "delivery_p95_ms": Target(percentile(milliseconds, 95), 250),
            "to_strangers": Target(heard.to_strangers, 0),
            "missing": Target(missing, 0),
        },
    )


def _open(stack: Stack, users: list[User]) -> subprocess.Popen[str]:
    """Start a process with a socket for each of `users`; its first line says that all are open."""
    client = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.progress_sockets", str(stack.port)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    places = [{"user": str(user.id), "cookies": session_cookies(user)} for user in users]
    _pipe(client.stdin).write(json.dumps(places) + "\n")
    _pipe(client.stdin).flush()
    return client


def _report_progress(jobs: list[Job], *, seconds: float) -> Reported:
    """Report each job's steps at its own moments of the interval, for `seconds`."""
    reporters = [ProgressReporter(job=job) for job in jobs]
    preview = _preview()
    steps = int(seconds / SECONDS_BETWEEN_STEPS)
    reported: Reported = {}
    due = time.monotonic()
    end = due + seconds
    for step in range(1, steps + 1):
        if due > end:
            break
        for job, reporter in zip(jobs, reporters, strict=True):
            # What is late is not caught up with: reports too close to each other are left out.
            now = time.monotonic()
            time.sleep(max(due - now, 0))
            due = max(due, now) + SECONDS_BETWEEN_STEPS / len(jobs)
            reported[str(job.id), step] = time.monotonic()
            reporter.report(
                StepProgress(
                    step=step,
                    total=steps + 1,
                    image_index=None,
                    images_total=1,
                    preview=lambda: preview,
                )
            )
    publisher.flush(timeout=10)
    return reported


def _compare(
    clients: list[subprocess.Popen[str]], reported: Reported, owners: dict[str, str]
) -> Heard:
    heard = Heard()
    for client in clients:
        _pipe(client.stdin).close()
        for user, job, step, came in json.loads(_line(client)):
            if owners.get(job) != user:
                heard.to_strangers += 1
                continue
            heard.of_each[job, step] += 1
            heard.deliveries.append(came - reported[job, step])
        client.wait(timeout=60)
    return heard


def _preview() -> PillowImage.Image:
    """Draw what a picture looks like half-way: soft shapes under noise."""
    draw = random.Random(1)
    picture = PillowImage.linear_gradient("L").resize((PREVIEW_SIZE, PREVIEW_SIZE)).convert("RGB")
    pen = ImageDraw.Draw(picture)
    for _shape in range(40):
        x, y = draw.randrange(PREVIEW_SIZE), draw.randrange(PREVIEW_SIZE)
        colour = tuple(draw.randrange(256) for _channel in range(3))
        pen.ellipse((x - 12, y - 9, x + 12, y + 9), fill=colour)
    noise = PillowImage.effect_noise((PREVIEW_SIZE, PREVIEW_SIZE), 60).convert("RGB")
    return PillowImage.blend(picture.filter(ImageFilter.GaussianBlur(1)), noise, 0.15)


def _data_url_of_a_preview() -> str:
    from gpu_tasks.runner.progress import data_url

    return data_url(_preview())


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _line(client: subprocess.Popen[str]) -> str:
    line: str = _pipe(client.stdout).readline()
    if not line:
        raise RuntimeError("a process with sockets has ended")
    return line


def _pipe(pipe: Any) -> Any:
    return pipe
