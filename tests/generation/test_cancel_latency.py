"""How soon a running job stops when its user wants it cancelled, and what it costs then."""

import threading
import time
from collections.abc import Iterator

import pytest
from django.db import connection

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.tenancy import tenant_scope
from apps.generation.models import JobState
from apps.generation.receipts import get_receipt
from apps.generation.services.jobs import cancel_job
from apps.plans.tiers import GpuTier
from gpu_tasks.engine import Engine
from gpu_tasks.engine.libraries import torch
from gpu_tasks.runner import JobRunner, model_source
from gpu_tasks.runner.lease import Lease
from tests.factories import make_job

# The lease is kept by a thread with a connection of its own.
pytestmark = pytest.mark.django_db(transaction=True)

STEP_SECONDS = 0.25
LOOK_SECONDS = 0.1
# For machines that are busy with other things.
NOISE_SECONDS = 0.5


class SlowSteps:
    """Make each step take as long as one of a large model does, and note when each begins."""

    def __init__(self) -> None:
        self.begun: list[float] = []
        self.ended: list[float] = []
        self.third_began = threading.Event()

    def begin(self, *_: object) -> None:
        self.begun.append(time.monotonic())
        if len(self.begun) == 3:
            self.third_began.set()

    def end(self, *_: object) -> None:
        time.sleep(max(0.0, self.begun[-1] + STEP_SECONDS - time.monotonic()))
        self.ended.append(time.monotonic())


@pytest.fixture
def runner() -> JobRunner:
    torch.set_num_threads(1)
    return JobRunner(engine=Engine(device="cpu"), tiers=list(GpuTier), worker="test")


@pytest.fixture
def steps(runner: JobRunner, starter: GenerationModel) -> Iterator[SlowSteps]:
    slow = SlowSteps()
    with runner.engine.hold(model_source(starter)) as model:
        unet = model.components["unet"]
        hooks = [
            unet.register_forward_pre_hook(slow.begin),
            unet.register_forward_hook(slow.end),
        ]
        yield slow
        for hook in hooks:
            hook.remove()


def test_a_cancel_is_seen_within_a_step_and_a_tenth_of_a_second(
    runner: JobRunner,
    steps: SlowSteps,
    user: User,
    starter: GenerationModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = make_job(user, starter, steps=40)
    committed: list[float] = []
    visible: list[float] = []
    look = Lease.must_stop

    def note_when_visible(lease: Lease) -> bool:
        stops = look(lease)
        if stops:
            visible.append(time.monotonic())
        return stops

    def cancel() -> None:
        steps.third_began.wait(timeout=60)
        with tenant_scope(user.id):
            cancel_job(user=user, job_id=job.id)
        committed.append(time.monotonic())
        connection.close()

    monkeypatch.setattr(Lease, "must_stop", note_when_visible)
    canceller = threading.Thread(target=cancel)
    canceller.start()
    runner.run_next()
    canceller.join()

    job.refresh_from_db()
    assert job.state == JobState.CANCELLED
    # Once it was seen no step began, and of those that began after the commit there was one at
    # most: the look came within a tenth of a second, which is less than a step.
    assert not [begun for begun in steps.begun if begun > visible[0]]
    assert len([begun for begun in steps.begun if begun > committed[0]]) <= 1
    assert steps.ended[-1] - committed[0] < STEP_SECONDS + LOOK_SECONDS + NOISE_SECONDS


def test_the_receipt_of_a_cancelled_job_shows_the_seconds_until_then(
    runner: JobRunner, steps: SlowSteps, user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter, steps=40)

    def cancel() -> None:
        steps.third_began.wait(timeout=60)
        with tenant_scope(user.id):
            cancel_job(user=user, job_id=job.id)
        connection.close()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    began = time.monotonic()
    runner.run_next()
    canceller.join()

    receipt = get_receipt(user=user, job_id=job.id)
    (attempt,) = receipt.attempts
    until_the_last_step = steps.ended[-1] - steps.begun[0]
    assert attempt.seconds == receipt.seconds
    assert receipt.seconds is not None
    assert until_the_last_step <= receipt.seconds + 0.001
    assert receipt.seconds <= steps.ended[-1] - began + 0.1
    assert receipt.charged == min(-(-receipt.seconds // 1), receipt.held)
    assert len(steps.ended) in {3, 4}
