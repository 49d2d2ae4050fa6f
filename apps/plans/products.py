"""The plan table, as data in one place."""

from dataclasses import dataclass
from decimal import Decimal

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.plans.tiers import GpuTier


class PlanType(models.TextChoices):
    """Why someone is on a plan."""

    TRIAL = "trial"
    PAID = "paid"
    INTERNAL = "internal"


class ModelAccess(models.TextChoices):
    """Which models a plan may use; each includes the one before it."""

    SD_ONLY = "sd_only"
    FLUX_INCLUDED = "flux_included"
    FULL = "full"


class CreditSource(models.TextChoices):
    """What credits are given for."""

    TRIAL = "trial", _("trial")
    PLAN = "plan", _("plan")
    UPGRADE = "upgrade", _("upgrade")
    PACK = "pack", _("credit pack")
    TESTER = "tester", _("tester")
    REFUND = "refund", _("refund")
    GIFT = "gift", _("gift")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditPack:
    """Credits sold beside a plan."""

    slug: str
    credits: int
    dollars: int


# What a credit is sold for.
DOLLARS_A_CREDIT = Decimal("0.005")
PACK_DAYS = 60
PACKS: dict[str, CreditPack] = {
    pack.slug: pack
    for pack in (
        CreditPack(slug="pack-1000", credits=1_000, dollars=5),
        CreditPack(slug="pack-5000", credits=5_000, dollars=25),
        CreditPack(slug="pack-15000", credits=15_000, dollars=75),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A row of the plan table; `None` means without limit, or set by hand for a customer."""

    slug: str
    plan_type: PlanType
    dollars_a_month: int | None
    dollars_a_year: int | None = None
    credits_a_month: int | None
    gpu_tier: GpuTier
    parallel_queues: int | None
    storage_gb: int | None
    models: ModelAccess
    third_party_api: bool = False
    lora_training: bool = False
    collaboration: bool = False
    node_editor: bool = True
    api: bool = False


PLANS: dict[str, Plan] = {
    plan.slug: plan
    for plan in (
        Plan(
            slug="trial",
            plan_type=PlanType.TRIAL,
            dollars_a_month=0,
            credits_a_month=500,
            gpu_tier=GpuTier.BASIC,
            parallel_queues=1,
            storage_gb=20,
            models=ModelAccess.SD_ONLY,
        ),
        Plan(
            slug="starter",
            plan_type=PlanType.PAID,
            dollars_a_month=25,
            credits_a_month=5_000,
            gpu_tier=GpuTier.BASIC,
            parallel_queues=1,
            storage_gb=20,
            models=ModelAccess.SD_ONLY,
        ),
        Plan(
            slug="pro",
            plan_type=PlanType.PAID,
            dollars_a_month=75,
            credits_a_month=15_000,
            gpu_tier=GpuTier.HIGH_PERFORMANCE,
            parallel_queues=1,
            storage_gb=100,
            models=ModelAccess.FLUX_INCLUDED,
            third_party_api=True,
            api=True,
        ),
        Plan(
            slug="studio",
            plan_type=PlanType.PAID,
            dollars_a_month=150,
            credits_a_month=30_000,
            gpu_tier=GpuTier.HIGH_PERFORMANCE,
            parallel_queues=3,
            storage_gb=200,
            models=ModelAccess.FLUX_INCLUDED,
            third_party_api=True,
            api=True,
        ),
        Plan(
            slug="enterprise",
            plan_type=PlanType.PAID,
            dollars_a_month=None,
            credits_a_month=None,
            gpu_tier=GpuTier.DEDICATED,
            parallel_queues=None,
            storage_gb=None,
            models=ModelAccess.FULL,
            third_party_api=True,
            lora_training=True,
            collaboration=True,
            api=True,
        ),
        Plan(
            slug="tester",
            plan_type=PlanType.INTERNAL,
            dollars_a_month=0,
            credits_a_month=50_000,
            gpu_tier=GpuTier.BASIC,
            parallel_queues=1,
            storage_gb=20,
            models=ModelAccess.FLUX_INCLUDED,
            third_party_api=True,
            api=True,
        ),
    )
}

TRIAL = PLANS["trial"]
TRIAL_DAYS = 7
# So long before its end users are told of it.
TRIAL_NOTICE_DAYS = 2
# After a pause the pictures stay so long.
RETENTION_DAYS = 30
RETENTION_NOTICE_DAYS = 7
# So long a plan goes on after a payment has failed.
GRACE_DAYS = 7
# From the least to the most: whoever is on several at once is served by the last.
PLAN_ORDER = ("trial", "starter", "tester", "pro", "studio", "enterprise")
# What somebody can buy, the smallest first.
PLANS_SOLD = tuple(plan for plan in PLANS.values() if plan.plan_type == PlanType.PAID)

TESTER_CREDITS = 50_000
TESTER_DAYS = range(1, 366)
TESTER_REASON_LENGTH = 10
