"""What a key uses is written down under its name, and its cap holds."""

import uuid
from datetime import timedelta

from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.credentials import SESSION
from apps.accounts.models import Scope, User
from apps.accounts.services.keys import create_key
from apps.catalog.models import GenerationModel
from apps.credits.models import UsageRecord
from apps.credits.services import record_generation
from apps.generation.models import Job
from apps.generation.services.leases import claim_next_job
from apps.generation.services.results import finish_job
from apps.plans.tiers import GpuTier


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

    def use(seconds: int, key_id: uuid.UUID | None) -> UsageRecord:
        return record_generation(
            user_id=user.id,
            job_id=uuid.uuid4(),
            api_key_id=key_id,
            model="m",
            tier=GpuTier.BASIC,
            steps=1,
            width=64,
            height=64,
            batch_size=1,
            compute_seconds=seconds,
        )

    use(9, key.id)
    use(99, other.id)
    use(99, None)
    last_month = use(99, key.id)
    UsageRecord.objects.filter(id=last_month.id).update(
        created_at=timezone.now() - timedelta(days=32)
    )
    below = client.post("/api/v1/generations", {"prompt": "x"}, format="json")
    use(1, key.id)
    jobs = Job.objects.count()
    above = client.post("/api/v1/generations", {"prompt": "x"}, format="json")

    assert below.status_code == 202
    assert above.status_code == 403
    body = above.json()
    assert (body["code"], body["limit"], body["used"]) == ("key_credit_cap", 10, 10)
    assert Job.objects.count() == jobs
