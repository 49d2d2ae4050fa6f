"""Which waiting jobs a worker may take to the one that it runs: alike, in turn, and its own."""

import pytest

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.tenancy import service_scope
from apps.generation.models import OWN_PARAMETERS, JobState, Lane
from apps.generation.parameters import GenerationParameters
from apps.generation.services.leases import claim_alike, claim_next_job
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from apps.plans.tiers import GpuTier
from tests.factories import make_job, make_user

pytestmark = pytest.mark.django_db


def test_every_setting_is_ones_own_or_has_to_be_alike(user: User, starter: GenerationModel) -> None:
    """A field that is added to the parameters keeps jobs apart, unless it is named."""
    settings = GenerationParameters.from_json(make_job(user, starter).parameters).to_json()

    assert set(OWN_PARAMETERS) < set(settings)
    assert set(settings) - set(OWN_PARAMETERS) == {
        "width",
        "height",
        "steps",
        "guidance_scale",
        "scheduler",
        "strength",
    }


def test_others_come_before_a_users_own_and_those_served_least_first(
    user: User, stranger: User, starter: GenerationModel
) -> None:
    third = make_user("third@example.com")
    for owner in (user, stranger, third):
        start_subscription(user=owner, plan=PLANS["studio"])
    leader = make_job(user, starter)
    own = make_job(user, starter)
    served_more = make_job(stranger, starter)
    served_less = make_job(third, starter)
    assert claim_next_job(tiers=[GpuTier.HIGH_PERFORMANCE], worker="w") == leader
    with_served(stranger, 100.0)
    with_served(third, 1.0)

    claimed = claim_alike(leader=leader, worker="w", pictures=3)

    assert claimed == [served_less, served_more, own]
    assert {job.attempt for job in claimed} == {1}
    for job in claimed:
        job.refresh_from_db()
    assert [job.state for job in claimed] == [JobState.RUNNING] * 3


def with_served(user: User, seconds: float) -> None:
    with service_scope("a test"):
        Lane.objects.filter(user=user).update(served_seconds=seconds, served_rank=seconds)


def test_a_job_behind_another_in_its_users_line_keeps_its_place(
    user: User, stranger: User, starter: GenerationModel
) -> None:
    leader = make_job(user, starter)
    make_job(stranger, starter, steps=9)
    make_job(stranger, starter)
    assert claim_next_job(tiers=list(GpuTier), worker="w") == leader

    assert claim_alike(leader=leader, worker="w", pictures=7) == []


def test_only_the_worker_that_has_the_first_job_may_take_others_to_it(
    user: User, stranger: User, starter: GenerationModel
) -> None:
    leader = make_job(user, starter)
    make_job(stranger, starter)
    assert claim_next_job(tiers=list(GpuTier), worker="w") == leader

    assert claim_alike(leader=leader, worker="another", pictures=7) == []
    assert len(claim_alike(leader=leader, worker="w", pictures=7)) == 1
