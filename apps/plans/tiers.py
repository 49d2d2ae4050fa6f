"""The GPU tiers: one queue each, and what an hour of one costs us."""

from dataclasses import dataclass
from decimal import Decimal

from django.db import models
from django.utils.translation import gettext_lazy as _


class GpuTier(models.TextChoices):
    """A class of GPU; a worker serves exactly one."""

    BASIC = "basic", _("Basic")
    HIGH_PERFORMANCE = "high_performance", _("High performance")
    DEDICATED = "dedicated", _("Dedicated")


@dataclass(frozen=True, slots=True)
class TierSpec:
    """The facts of a tier: queue name, EC2 instance, GPU, memory in GiB, dollars an hour."""

    tier: GpuTier
    queue: str
    instance: str
    gpu: str
    gpus_per_instance: int
    memory_gib: int
    dollars_per_hour: Decimal

    @property
    def dollars_per_gpu_second(self) -> Decimal:
        """Return what a second of one GPU costs us; an instance has several."""
        return self.dollars_per_hour / self.gpus_per_instance / 3600


TIERS: dict[GpuTier, TierSpec] = {
    spec.tier: spec
    for spec in (
        TierSpec(
            GpuTier.BASIC, "easel-gpu-basic.fifo", "g4dn.xlarge", "T4", 1, 16, Decimal("0.526")
        ),
        TierSpec(
            GpuTier.HIGH_PERFORMANCE,
            "easel-gpu-highperf.fifo",
            "g5.xlarge",
            "A10G",
            1,
            24,
            Decimal("1.006"),
        ),
        TierSpec(
            GpuTier.DEDICATED,
            "easel-gpu-dedicated.fifo",
            "p4d.24xlarge",
            "A100",
            8,
            40,
            Decimal("32.77"),
        ),
    )
}

TIER_BY_QUEUE: dict[str, GpuTier] = {spec.queue: tier for tier, spec in TIERS.items()}
