"""What would have to give for the month to stay within the planning figure."""

from collections.abc import Callable
from dataclasses import dataclass

from apps.plans.tiers import GpuTier
from config.infrastructure.cost import population as people
from config.infrastructure.cost import prices
from config.infrastructure.cost.model import Estimate
from config.infrastructure.cost.savings import night_hours, savings_of

PLANNED_DOLLARS = 1_530.0


@dataclass(frozen=True, slots=True)
class Option:
    """A change of the design: dollars a month that it saves after the measures, and its price."""

    name: str
    saved: float
    gives: str


def after_measures(estimate: Estimate) -> float:
    """Return the month with every measure taken."""
    return estimate.total - sum(saving.saved for saving in savings_of(estimate))


def options_of(estimate: Estimate) -> list[Option]:
    """Return what can be given up, what costs users least first."""
    makers: tuple[Callable[[Estimate], Option], ...] = (
        _dedicated_on_contract,
        _models_on_instances,
        _spot_alone,
        _smaller_cache,
        _one_gateway,
        _no_proxy,
    )
    return [make(estimate) for make in makers]


def _dedicated_on_contract(estimate: Estimate) -> Option:
    saved = sum(
        estimate.gpu_hours_dollars(group)
        for group in estimate.groups
        if group.tier == GpuTier.DEDICATED
    )
    saved += people.model_reads_gb(GpuTier.DEDICATED) * prices.EFS_READ_GB
    return Option(
        "No dedicated tier until an enterprise contract pays for its hours",
        saved,
        "enterprise users wait in the high-performance tier, without A100s",
    )


def _models_on_instances(estimate: Estimate) -> Option:
    dollars = {line.service: line.dollars for line in estimate.lines}
    of_dedicated = people.model_reads_gb(GpuTier.DEDICATED) * prices.EFS_READ_GB
    saved = sum(dollars[service] for service in ("EFS", "EFS reads", "EFS writes"))
    return Option(
        "Models on the instances' own NVMe, fetched from S3, and no EFS",
        # The dedicated tier's part went with it.
        saved - min(of_dedicated, dollars["EFS reads"]),
        "the first picture of a model on a new instance waits for its download, a minute for SDXL",
    )


def _spot_alone(estimate: Estimate) -> Option:
    saved = 0.0
    for group in estimate.groups:
        if group.least and group.on_demand_base:
            hours = estimate.usage[group.tier].instance_hours - night_hours(estimate, group)
            base = min(hours, group.on_demand_base * prices.HOURS)
            saved += base * group.dollars_an_hour * prices.SPOT[group.instance]
    # What the plan saved on instances that are Spot now is saved no more.
    plans = next(saving for saving in savings_of(estimate) if saving.name == "Savings Plans")
    saved -= plans.saved - estimate.fargate_dollars() * prices.PLAN_FARGATE
    return Option(
        "Spot alone (`on_demand_base = 0`)",
        saved,
        "a tier is away for some minutes whenever AWS takes its one instance back",
    )


def _smaller_cache(estimate: Estimate) -> Option:
    node = "cache.t4g.medium"
    groups = estimate.of("aws_elasticache_replication_group")
    nodes = sum(each.arguments["num_cache_clusters"] for each in groups)
    now = estimate.cache_dollars()
    smaller = min(now, nodes * prices.CACHE_NODE[node] * prices.HOURS)
    return Option(
        f"Redis on {nodes} × {node}",
        (now - smaller) * (1 - prices.RESERVED_CACHE),
        "3 GB of memory instead of 13, which 100 daily users do not fill",
    )


def _one_gateway(estimate: Estimate) -> Option:
    gateways = len(estimate.of("aws_nat_gateway"))
    hour = prices.NAT_HOUR + prices.PUBLIC_IPV4_HOUR
    return Option(
        "One NAT gateway",
        max(0, gateways - 1) * hour * prices.HOURS,
        "the loss of its zone cuts the other one off from Stripe, mail and the model hub",
    )


def _no_proxy(estimate: Estimate) -> Option:
    proxies = [line for line in estimate.lines if line.service == "RDS Proxy"]
    return Option(
        "No RDS Proxy",
        sum(line.dollars for line in proxies),
        "a failover of the database is seen by users; PgBouncer in the tasks limits connections",
    )
