"""Jobs of other kinds: held, claimed and charged as all jobs, and never carried as one of them."""

import uuid
from typing import Any

import pytest

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.errors import Conflict, ErrorCode, PaymentRequired
from apps.credits.costs import Basis, Quote
from apps.credits.models import Hold
from apps.credits.selectors import read_balance
from apps.generation import retries
from apps.generation.models import Job, JobKind, JobState
from apps.generation.orders import Order
from apps.generation.parameters import GenerationParameters, complete_parameters
from apps.generation.selectors import pictures_of_active_jobs
from apps.generation.services.jobs import accept_order, accept_work
from apps.generation.services.leases import claim_alike, claim_next_job
from apps.generation.services.queue import retry_job
from apps.generation.services.results import fail_job, finish_job
from apps.plans.tiers import GpuTier
from tests.factories import make_job

pytestmark = pytest.mark.django_db

PICTURE = uuid.uuid5(uuid.NAMESPACE_DNS, "picture")


def ask(
    user: User,
    model: GenerationModel,
    *,
    credits: int = 7,
    sketch: GenerationParameters | None = None,
    **asked: Any,
) -> Job:
    return accept_work(
        user=user,
        kind=JobKind.WORKFLOW,
        work={"models": [model.key, "other"], "pictures": [str(PICTURE)]},
        model=model,
        sketch=sketch or complete_parameters(model=model, prompt="a house", seed=1),
        tier=GpuTier.BASIC,
        parallel_limit=1,
        quote=Quote(credits=credits, seconds=6.0, basis=Basis.PLANNED),
        **asked,
    )


def claim() -> Job:
    job = claim_next_job(tiers=[GpuTier.BASIC], worker="w")
    assert job is not None
    return job


def test_it_holds_its_quote_and_names_what_it_needs(user: User, starter: GenerationModel) -> None:
    job = ask(user, starter)

    assert Hold.objects.get(job_id=job.id).amount == 7
    assert job.models_wanted == {"other"}
    assert job.pictures_wanted == pictures_of_active_jobs(user_id=user.id) == {PICTURE}


def test_too_few_credits_leave_nothing_behind(user: User, starter: GenerationModel) -> None:
    with pytest.raises(PaymentRequired):
        ask(user, starter, credits=10**6)

    assert not Job.objects.exists()
    assert not Hold.objects.exists()


def test_asked_twice_by_one_key_it_is_one_job(user: User, starter: GenerationModel) -> None:
    first = ask(user, starter, idempotency_key="k", digest="d")

    assert ask(user, starter, idempotency_key="k", digest="d").id == first.id
    with pytest.raises(Conflict):
        ask(user, starter, idempotency_key="k", digest="another")
    assert Job.objects.count() == 1


def test_it_is_not_taken_to_the_generation_that_it_looks_like(
    user: User, stranger: User, starter: GenerationModel
) -> None:
    generation = make_job(user, starter)
    leader = claim()
    workflow = ask(stranger, starter, sketch=generation.settings)

    assert generation.batch_shape == workflow.batch_shape
    assert claim_alike(leader=leader, worker="w", pictures=7) == []


def test_no_generation_that_it_looks_like_is_taken_to_it(
    user: User, stranger: User, starter: GenerationModel
) -> None:
    like = complete_parameters(model=starter, prompt="a house", seed=1)
    ask(user, starter, sketch=like)
    leader = claim()
    generation = accept_order(user=stranger, order=Order(model=starter, parameters=like))

    assert generation.batch_shape == leader.batch_shape
    assert claim_alike(leader=leader, worker="w", pictures=7) == []


def test_a_charge_that_is_told_counts_instead_of_seconds(
    user: User, starter: GenerationModel
) -> None:
    before = read_balance(user_id=user.id).available
    ask(user, starter)
    job = claim()

    assert finish_job(
        user_id=user.id,
        job_id=job.id,
        attempt=job.attempt,
        pictures=[],
        compute_seconds=2.0,
        charge=5,
    )

    assert read_balance(user_id=user.id).available == before - 5


def test_it_is_not_tried_again_as_a_generation(
    user: User, starter: GenerationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "_BY_KIND", {})
    ask(user, starter)
    job = claim()
    fail_job(user_id=user.id, job_id=job.id, attempt=job.attempt, code=ErrorCode.INTERNAL)

    with pytest.raises(Conflict):
        retry_job(user=user, job_id=job.id)

    assert Job.objects.get().state == JobState.FAILED
