"""What a key uses is written down under its name, and its cap holds."""

import uuid

from rest_framework.test import APIClient

from apps.accounts.credentials import SESSION
from apps.accounts.models import Scope, User
from apps.accounts.services.keys import create_key
from apps.catalog.models import GenerationModel
from apps.credits.models import Hold, UsageRecord
from apps.credits.services.ledger import settle_hold
from apps.generation.models import Job
from apps.generation.services.leases import claim_next_job
from apps.generation.services.results import finish_job
from apps.plans.tiers import GpuTier
from tests.credits.moves import hold_for


def test_a_job_and_its_usage_name_the_key_that_asked(
    enterprise_user: User, starter: GenerationModel
) -> None:
    key, secret = create_key(
        user=enterprise_user, granter=SESSION, name="k", scopes=[Scope.GENERATE]
    )
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")

    accepted = client.post("/api/v1/generations", {"prompt": "x"}, format="json")
    assert accepted.status_code == 202
    job = claim_next_job(tiers=list(GpuTier), worker="w")
    assert job is not None
    finish_job(
        user_id=job.user_id, job_id=job.id, attempt=job.attempt, pictures=[], compute_seconds=1.5
    )

    assert Job.objects.get().api_key_id == key.id
    assert UsageRecord.objects.get().api_key_id == key.id


def test_a_key_that_has_used_its_cap_makes_no_more_this_month(
    enterprise_user: User, starter: GenerationModel
) -> None:
    user = enterprise_user
    key, secret = create_key(
        user=user, granter=SESSION, name="k", scopes=[Scope.GENERATE], monthly_credit_cap=10
    )
    other, _secret = create_key(user=user, granter=SESSION, name="o", scopes=[Scope.GENERATE])
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")

    def hold(amount: int, key_id: uuid.UUID | None) -> Hold:
        return hold_for(user_id=user.id, job_id=uuid.uuid4(), amount=amount, api_key_id=key_id)

    settled = hold(9, key.id)
    settle_hold(user_id=user.id, job_id=settled.job_id, charge=5)
    hold(4, key.id)
    hold(99, other.id)
    hold(99, None)
    below = client.post("/api/v1/generations", {"prompt": "x"}, format="json")
    jobs = Job.objects.count()
    above = client.post("/api/v1/generations", {"prompt": "x"}, format="json")

    assert below.status_code == 202
    assert above.status_code == 403
    body = above.json()
    assert (body["code"], body["limit"], body["used"]) == ("key_credit_cap", 10, 10)
    assert body["required"] == 1
    assert Job.objects.count() == jobs
