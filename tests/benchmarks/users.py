"""A hundred creators at once, in a realistic mix of calls, with Locust; jobs end at once.

Everything is the product's but the engine: a thread claims jobs as a worker does and ends them with
one picture that is there already.
"""

import json
import os
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import psycopg
from django.conf import settings
from django.db import connection

from apps.accounts.models import User
from apps.catalog.services import install_starter_model
from apps.core.tenancy import service_scope, tenant_scope
from apps.generation.models import Job
from apps.generation.services.leases import claim_next_job
from apps.generation.services.results import finish_job, result_name
from apps.images.models import Image
from apps.images.services.pictures import store_picture
from apps.images.storage import THUMBNAIL_SIZES, thumbnail_key
from apps.plans.tiers import GpuTier
from config.local.addresses import SUPERUSER
from tests.benchmarks.gallery import PROCESSES
from tests.benchmarks.report import Report, Target
from tests.benchmarks.sessions import session_cookies
from tests.factories import encode, make_picture, make_user
from tests.libraries import fill_libraries
from tests.stack import ROOT, Stack

USERS = 100
PICTURES = 400
SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.benchmarks.cached_settings"}
_PICTURE = make_picture(256, 256)


def run(*, quick: bool) -> Report:
    """Let the users work for a minute (a quarter of one if `quick`)."""
    seconds = 15 if quick else 60
    install_starter_model()
    users = [make_user(f"creator{number}@example.com") for number in range(USERS)]
    _fill(users)
    visit = Path(settings.MEDIA_ROOT) / "visit.json"
    with ExitStack() as running:
        stacks = [running.enter_context(Stack(SETTINGS)) for _process in range(PROCESSES)]
        for stack in stacks:
            stack.start_web()
        visit.write_text(
            json.dumps(
                {
                    "hosts": [stack.url for stack in stacks],
                    "accounts": [session_cookies(user) for user in users],
                }
            )
        )
        engine = running.enter_context(_StubEngine())
        seen = _visit(visit, seconds=seconds)
    return _report(seen, seconds=seconds, jobs=engine.ended)


def _report(seen: dict[str, Any], *, seconds: float, jobs: int) -> Report:
    for error in seen["errors"]:
        print(error, file=sys.stderr)
    calls, lists = seen["calls"], seen["lists"]
    figures: dict[str, float] = {
        "users": USERS,
        "jobs": jobs,
        "requests_a_second": sum(call["requests"] for call in calls.values()) / seconds,
        "hit_rate": lists.get("hit", 0) / max(1, sum(lists.values())),
    }
    for name, call in calls.items():
        figures[f"{name}_requests"] = call["requests"]
        figures[f"{name}_p50_ms"] = call["p50_ms"]
        figures[f"{name}_p95_ms"] = call["p95_ms"]
    missing = {"list", "page", "search", "thumbnail", "star", "generate"} - calls.keys()
    return Report(
        bench="users",
        figures=figures,
        targets={
            "failures": Target(sum(call["failures"] for call in calls.values()), 0),
            "calls_not_made": Target(len(missing), 0),
            "list_p95_ms": Target(calls["list"]["p95_ms"], 1000),
        },
    )


def _fill(users: list[User]) -> None:
    """Give each user a library whose thumbnails are there."""
    at = connection.settings_dict
    with psycopg.connect(
        host=at["HOST"], port=at["PORT"], user=SUPERUSER, dbname=at["NAME"], autocommit=True
    ) as server:
        fill_libraries(server, libraries={user.id: PICTURES for user in users}, boards={})
    size = THUMBNAIL_SIZES[0]
    root = Path(settings.MEDIA_ROOT)
    file = root / "thumbnail.webp"
    file.write_bytes(encode(make_picture(size, size), "WEBP").getvalue())
    with service_scope("bench"):
        for user_id, name in Image.objects.values_list("user", "image_name"):
            place = root / thumbnail_key(user_id=user_id, image_name=name, size=size)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.hardlink_to(file)


def _visit(visit: Path, *, seconds: int) -> dict[str, Any]:
    """Let Locust's users come; return what its report says."""
    result = subprocess.run(
        [
            *(sys.executable, "-m", "locust", "-f", "tests/benchmarks/locustfile.py"),
            *("--headless", "--only-summary", "--exit-code-on-error", "0"),
            *("--users", str(USERS), "--spawn-rate", "50", "--run-time", f"{seconds}s"),
        ],
        env={**os.environ, "EASEL_VISIT": str(visit)},
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    lines = [line for line in result.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise RuntimeError(f"Locust gave no report:\n{result.stderr[-4000:]}")
    report: dict[str, Any] = json.loads(lines[-1])
    return report


class _StubEngine(threading.Thread):
    """A worker that is at no pains: a picture that was made before is each job's result."""

    def __init__(self) -> None:
        super().__init__(name="stub engine")
        self.ended = 0
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self.join()

    def run(self) -> None:
        try:
            while not self._stopped.is_set():
                job = claim_next_job(tiers=[GpuTier.BASIC], worker="stub")
                if job is None:
                    self._stopped.wait(0.05)
                else:
                    self._end(job)
        finally:
            connection.close()

    def _end(self, job: Job) -> None:
        name = result_name(job_id=job.id, attempt=job.attempt, index=0)
        with tenant_scope(job.user_id):
            stored = store_picture(
                user_id=job.user_id, image_name=name, picture=_PICTURE, metadata=job.parameters
            )
        self.ended += finish_job(
            user_id=job.user_id,
            job_id=job.id,
            attempt=job.attempt,
            pictures=[stored],
            compute_seconds=0.5,
        )
