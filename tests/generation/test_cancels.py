"""A cancel is told to the worker at once, and found without being told."""

import time
import uuid
from threading import Event

import pytest

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.tenancy import tenant_scope
from apps.generation.cancels import listener, tell_workers
from apps.generation.models import Job
from apps.generation.services.jobs import cancel_job
from apps.generation.services.leases import claim_next_job
from apps.generation.services.queue import clear_queue
from apps.plans.tiers import GpuTier
from gpu_tasks.runner import lease as lease_module
from gpu_tasks.runner.lease import Lease, LeaseKeeper
from tests.factories import make_job
from tests.stack import wait_until

# The lease is kept by a thread with a connection of its own.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lease(user: User, starter: GenerationModel) -> Lease:
    make_job(user, starter)
    job = claim_next_job(tiers=list(GpuTier), worker="w")
    assert job is not None
    return Lease(job_id=job.id, attempt=job.attempt)


@pytest.fixture
def never_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "SECONDS_BETWEEN_LOOKS", 600)


def wait_until_hearing() -> None:
    wait_until(lambda: listener.is_hearing, seconds=10, what="the subscription to cancels")


@pytest.mark.usefixtures("never_looks")
@pytest.mark.parametrize("of_all", [False, True])
def test_a_cancel_is_told_to_whoever_runs_the_job(user: User, lease: Lease, of_all: bool) -> None:
    with LeaseKeeper([lease]):
        wait_until_hearing()
        # The first look is always made.
        time.sleep(0.3)
        assert not lease.must_stop()

        with tenant_scope(user.id):
            if of_all:
                clear_queue(user=user, running=True)
            else:
                cancel_job(user=user, job_id=lease.job_id)

        wait_until(lease.must_stop, seconds=5, what="the cancel")
        assert (lease.cancelled, lease.lost) == (True, False)


def test_a_cancel_that_was_told_to_nobody_is_found(user: User, lease: Lease) -> None:
    with LeaseKeeper([lease]):
        wait_until_hearing()
        Job.objects.update(cancel_requested_at="2026-01-01T00:00:00Z")

        wait_until(lease.must_stop, seconds=5, what="the cancel")


def test_what_is_told_of_other_jobs_stirs_nobody() -> None:
    own, heard = uuid.uuid4(), Event()
    with listener.listen([own], heard):
        wait_until_hearing()
        heard.clear()
        tell_workers([uuid.uuid4()])
        assert not heard.wait(0.3)
        tell_workers([uuid.uuid4(), own])
        assert heard.wait(5)
