"""A worker killed in the middle of a workflow costs time: no picture, no credit."""

from collections.abc import Callable

import pytest

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.generation.models import JobState
from apps.generation.receipts import Outcome, get_receipt
from apps.images.models import Image
from apps.workflows.services.runs import start_run
from tests.faults.doomed_worker import WORKFLOW_DEATHS
from tests.faults.ends import QUEUES, check_books, state, wait_for_end
from tests.stack import Stack, wait_until
from tests.workflows.documents import plain_document

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("point", WORKFLOW_DEATHS)
def test_a_worker_killed_in_a_workflow_costs_time_alone(
    point: str,
    stack: Stack,
    user: User,
    starter: GenerationModel,
    stored_files: Callable[[], set[str]],
) -> None:
    # On a busy machine renewals come late, and none but the first attempt is to be lost.
    stack.environment["EASEL_LEASE_SECONDS"] = "20"
    stack.start_scheduler()
    stack.start_worker(queues=QUEUES, name="doomed", fault=point)
    job = start_run(user=user, document=plain_document(steps=8))
    wait_until(lambda: stack.has_ended("doomed"), seconds=300, what=f"the death: {point}")
    assert state(job) == JobState.RUNNING

    stack.start_worker(queues=QUEUES, name="next")
    wait_for_end(job)

    assert job.attempt == 2
    check_books(stored_files, job)
    assert Image.objects.get().graph == (job.work or {})["document"]
    receipt = get_receipt(user=user, job_id=job.id)
    assert [attempt.outcome for attempt in receipt.attempts] == [Outcome.LOST, Outcome.SUCCEEDED]
    assert [attempt.charged for attempt in receipt.attempts] == [0, receipt.charged]
