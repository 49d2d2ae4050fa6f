"""A worker killed in a training costs the steps since the last checkpoint, and no credit."""

from collections.abc import Callable
from datetime import timedelta
from unittest.mock import patch

import pytest

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.credits.models import UsageRecord
from apps.generation.models import Job, JobState
from apps.generation.receipts import Outcome, get_receipt
from apps.generation.services.audit import audit_credits
from apps.images.services import orphans
from apps.images.services.orphans import remove_orphans
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from tests.faults.doomed_worker import TRAINING_DEATHS
from tests.faults.ends import QUEUES, wait_for_end
from tests.lora_training.factories import make_run, make_set
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# How far the last checkpoint had come when the worker died.
GOES_ON_FROM = {
    "in mid training": 6,
    "checkpoint written and row not": 0,
    "lora stored and not entered": 9,
}


@pytest.mark.parametrize("point", TRAINING_DEATHS)
def test_a_killed_training_goes_on_from_its_checkpoint(
    point: str,
    stack: Stack,
    user: User,
    starter: GenerationModel,
    stored_files: Callable[[], set[str]],
) -> None:
    start_subscription(user=user, plan=PLANS["enterprise"])
    run = make_run(user, make_set(user), steps=10)
    # A training takes all of the processor, so that renewals come late.
    stack.environment["EASEL_LEASE_SECONDS"] = "20"
    stack.start_scheduler()
    stack.start_worker(queues=QUEUES, name="doomed", fault=point)
    wait_until(lambda: stack.has_ended("doomed"), seconds=300, what=f"the death: {point}")
    run.refresh_from_db()
    assert run.checkpoint_step == GOES_ON_FROM[point]
    assert run.model_key == ""

    stack.start_worker(queues=QUEUES, name="next")
    job = Job.objects.get(id=run.job_id)
    wait_for_end(job, seconds=300)

    run.refresh_from_db()
    assert (job.state, job.attempt) == (JobState.SUCCEEDED, 2)
    assert [step for step, _loss in run.losses] == list(range(1, 11))
    assert GenerationModel.objects.get(user=user).key == run.model_key
    receipt = get_receipt(user=user, job_id=job.id)
    lost, made = receipt.attempts
    assert (lost.outcome, lost.charged) == (Outcome.LOST, 0)
    assert (made.outcome, made.charged) == (Outcome.SUCCEEDED, receipt.charged)
    assert UsageRecord.objects.get().steps == 10 - GOES_ON_FROM[point]
    assert audit_credits() == []
    # What the dead one had written and not told of goes with the sweeps.
    with patch.object(orphans, "GRACE", timedelta(minutes=-5)):
        remove_orphans()
    assert not [key for key in stored_files() if "/training/" in key]
