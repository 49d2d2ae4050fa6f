"""What the service adds to a picture: from POST to finished, against the bare diffusers loop.

Both make the same request in the same run, in turns, so that the machine's moods fall on both.
"""

import http.client
import json
import time
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.cached_db import SessionStore
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.catalog.services import install_starter_model
from apps.plans.tiers import TIER_BY_QUEUE
from gpu_tasks.engine.schedulers import make_scheduler
from tests.benchmarks.report import Report, Target, percentile
from tests.factories import make_user
from tests.stack import Stack

PROMPT = "a red circle on a white background"


@dataclass(frozen=True, slots=True)
class Served:
    """Seconds from the POST to the worker's start and to the finished event."""

    start: float
    finished: float


def run(*, quick: bool) -> Report:
    """Measure `rounds` pairs after a few that warm everything up."""
    rounds, warm_up = (8, 2) if quick else (40, 5)
    model = install_starter_model()
    user = make_user("bench@example.com")
    bare = BareLoop(model)
    pairs: list[tuple[float, Served]] = []
    with Stack({}) as stack:
        stack.start_web()
        stack.start_worker(queues=",".join(TIER_BY_QUEUE))
        client = Client(stack, user)
        for seed in range(warm_up + rounds):
            # Each is first as often as the other.
            if seed % 2:
                bare_seconds, served = bare.run(seed), client.run(seed)
            else:
                served, bare_seconds = client.run(seed), bare.run(seed)
            pairs.append((bare_seconds, served))
        client.close()
    return _report(pairs[warm_up:])


def _report(pairs: list[tuple[float, Served]]) -> Report:
    overheads = [served.finished - bare for bare, served in pairs]
    floor = median(bare for bare, _served in pairs)
    starts = [served.start for _bare, served in pairs]
    return Report(
        bench="dispatch",
        figures={
            "floor_bare_loop_p50_ms": floor * 1e3,
            "post_to_finished_p50_ms": median(s.finished for _b, s in pairs) * 1e3,
            "post_to_finished_p95_ms": percentile([s.finished for _b, s in pairs], 95) * 1e3,
            "post_to_start_p95_ms": percentile(starts, 95) * 1e3,
            "pairs": len(pairs),
        },
        targets={
            "overhead_p50_ms": Target(median(overheads) * 1e3, 150),
            "overhead_over_floor": Target(median(overheads) / floor, 0.10),
            "post_to_start_p50_ms": Target(median(starts) * 1e3, 100),
        },
    )


class BareLoop:
    """The raw diffusers pipeline, with nothing around it."""

    def __init__(self, model: GenerationModel) -> None:
        self.model = model
        self.pipeline = StableDiffusionPipeline.from_pretrained(
            settings.EASEL_MODELS_ROOT / model.location
        )
        self.pipeline.set_progress_bar_config(disable=True)
        self.shipped_scheduler = dict(self.pipeline.scheduler.config)

    def run(self, seed: int) -> float:
        started = time.perf_counter()
        self.pipeline.scheduler = make_scheduler(
            self.model.default_scheduler,
            model_config=self.shipped_scheduler,
            steps=self.model.default_steps,
        )
        with torch.inference_mode():
            self.pipeline(
                PROMPT,
                width=self.model.default_width,
                height=self.model.default_height,
                num_inference_steps=self.model.default_steps,
                guidance_scale=self.model.default_guidance,
                generator=torch.Generator().manual_seed(seed),
            )
        return time.perf_counter() - started


class Client:
    """A page of one user: a session, a socket, a connection that is kept."""

    def __init__(self, stack: Stack, user: User) -> None:
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        token = "a" * 32
        cookies = f"{settings.SESSION_COOKIE_NAME}={session.session_key}; csrftoken={token}"
        self.headers = {
            "Content-Type": "application/json",
            "Cookie": cookies,
            "X-CSRFToken": token,
        }
        self.http = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=60)
        self.socket: ClientConnection = connect(
            f"ws://127.0.0.1:{stack.port}/ws/v1/events",
            additional_headers={"Cookie": cookies},
            origin=Origin(stack.url),
        )
        self._receive("snapshot")

    def run(self, seed: int) -> Served:
        body = json.dumps({"prompt": PROMPT, "seed": seed})
        posted = time.perf_counter()
        self.http.request("POST", "/api/v1/generations", body, self.headers)
        response = self.http.getresponse()
        answer = response.read()
        if response.status != http.client.ACCEPTED:
            raise RuntimeError(f"refused with {response.status}: {answer.decode()}")
        started = self._receive("started") - posted
        return Served(start=started, finished=self._receive("finished") - posted)

    def close(self) -> None:
        self.socket.close()
        self.http.close()

    def _receive(self, kind: str) -> float:
        while True:
            event: dict[str, Any] = json.loads(self.socket.recv(timeout=120))
            if event["type"] == "failed":
                raise RuntimeError(f"the job failed: {event['error']}")
            if event["type"] == kind:
                return time.perf_counter()
