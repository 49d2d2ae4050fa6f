"""On which tier a job waits: the plan's, or a larger one where its model needs it."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.catalog.models import GenerationModel, ModelKind
from apps.generation.models import Job, Lane
from apps.generation.placing import tier_for
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from apps.plans.tiers import GpuTier
from tests.generation.add_ons import make_add_on
from tests.generation.turns import claim

FACTS: dict[str, Any] = {
    "default_width": 128,
    "default_height": 128,
    "min_size": 64,
    "max_size": 256,
    "default_steps": 4,
    "default_guidance": 3.5,
    "default_scheduler": "euler",
}


@pytest.mark.parametrize(
    ("base", "plan", "tier"),
    [
        ("sd-1.5-class", GpuTier.BASIC, GpuTier.BASIC),
        ("sd-1.5-class", GpuTier.HIGH_PERFORMANCE, GpuTier.HIGH_PERFORMANCE),
        ("sd-3.5", GpuTier.BASIC, GpuTier.HIGH_PERFORMANCE),
        ("flux-1", GpuTier.BASIC, GpuTier.HIGH_PERFORMANCE),
        ("flux-1", GpuTier.DEDICATED, GpuTier.DEDICATED),
        ("qwen-image", GpuTier.HIGH_PERFORMANCE, GpuTier.DEDICATED),
    ],
)
def test_a_job_goes_to_the_smallest_tier_that_runs_its_family(
    base: str, plan: GpuTier, tier: GpuTier
) -> None:
    assert tier_for(base, at_least=plan) == tier


def test_a_batch_may_wait_in_several_tiers_and_each_job_is_claimed_in_its_own(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    del starter
    make_add_on("sd3", ModelKind.MAIN, base="sd-3.5", **FACTS)

    response = api.post(
        "/api/v1/generations/batch",
        {"generations": [{"prompt": "x"}, {"prompt": "x", "model": "sd3"}, {"prompt": "x"}]},
        format="json",
    )

    assert response.status_code == 202, response.json()
    tiers = [job.tier for job in Job.objects.order_by("position")]
    assert tiers == [GpuTier.BASIC, GpuTier.HIGH_PERFORMANCE, GpuTier.BASIC]
    assert {lane.tier: lane.waiting for lane in Lane.objects.filter(user=user)} == {
        GpuTier.BASIC: 2,
        GpuTier.HIGH_PERFORMANCE: 1,
    }
    first = claim()
    assert first is not None
    # The plan has one queue, whatever the tiers.
    assert claim() is None
    receipt = api.get(f"/api/v1/generations/{Job.objects.get(model='sd3').id}/receipt").json()
    assert receipt["tier"] == GpuTier.HIGH_PERFORMANCE


def test_the_quote_is_that_of_the_tier_that_it_will_run_on(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    del starter
    start_subscription(user=user, plan=PLANS["pro"])
    make_add_on("qwen", ModelKind.MAIN, base="qwen-image", access="flux_included", **FACTS)
    asked = {"prompt": "x", "model": "qwen"}
    token = api.post("/api/v1/generations/quote", asked, format="json").json()["token"]

    response = api.post("/api/v1/generations", asked | {"quote": token}, format="json")

    assert response.status_code == 202, response.json()
    assert Job.objects.get().tier == GpuTier.DEDICATED
