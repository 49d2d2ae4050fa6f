"""What Spot, Savings Plans, the lifecycle of S3 and the nights take away from the list price."""

import re
from collections.abc import Iterator

from apps.plans.tiers import GpuTier
from config.infrastructure.cost import population as people
from config.infrastructure.cost import prices
from config.infrastructure.cost.model import Estimate, Group, Saving
from config.infrastructure.deployment import Instance


def savings_of(estimate: Estimate) -> list[Saving]:
    """Return each measure, in the order in which they are applied: none counts a dollar twice."""
    nights = {group.tier: night_hours(estimate, group) for group in estimate.groups}
    return [
        _night(estimate, nights),
        _spot(estimate, nights),
        _plans(estimate, nights),
        _reserved(estimate),
        _lifecycle(estimate),
    ]


def night_hours(estimate: Estimate, group: Group) -> float:
    """Return the hours of a month that the nights take away from a group."""
    if not group.least:
        return 0.0
    label = str(group.tier.value)
    schedules = [
        each.arguments
        for each in estimate.of("aws_autoscaling_schedule")
        if f'["{label}"]' in each.address
    ]
    begins = next((_hour(each["recurrence"]) for each in schedules if each["min_size"] == 0), None)
    ends = next((_hour(each["recurrence"]) for each in schedules if each["min_size"]), None)
    if begins is None or ends is None:
        return 0.0
    idle = people.share_of_night_idle(
        group.tier, begins=begins, ends=ends, leave_seconds=_leave_seconds(estimate, label)
    )
    return group.least * (ends - begins) * prices.DAYS * idle


def _hour(recurrence: str) -> int:
    """Return the hour of a cron line such as `0 1 * * *`."""
    match = re.fullmatch(r"0 (\d+) \* \* \*", recurrence)
    if match is None:
        raise ValueError(f"{recurrence} is not once a day at a full hour")
    return int(match[1])


def _leave_seconds(estimate: Estimate, label: str) -> float:
    def fits(alarm: Instance) -> bool:
        below = alarm.arguments["comparison_operator"] == "LessThanThreshold"
        return below and f'gpu_tier["{label}"]' in alarm.address

    (alarm,) = [each for each in estimate.of("aws_cloudwatch_metric_alarm") if fits(each)]
    return float(alarm.arguments["evaluation_periods"] * 60)


def _night(estimate: Estimate, nights: dict[GpuTier, float]) -> Saving:
    before = sum(estimate.gpu_hours_dollars(group) for group in estimate.groups if group.least)
    saved = sum(nights[group.tier] * group.dollars_an_hour for group in estimate.groups)
    hours = ", ".join(
        f"{nights[group.tier]:,.0f} h of {group.instance}"
        for group in estimate.groups
        if group.least
    )
    return Saving("Nights", before, saved, f"the last instance is away for {hours}")


def _hours(estimate: Estimate, group: Group, nights: dict[GpuTier, float]) -> float:
    return estimate.usage[group.tier].instance_hours - nights[group.tier]


def _spot_hours(estimate: Estimate, group: Group, nights: dict[GpuTier, float]) -> float:
    base = min(_hours(estimate, group, nights), group.on_demand_base * prices.HOURS)
    above = _hours(estimate, group, nights) - base
    return above * (1 - group.on_demand_percentage / 100)


def _spot(estimate: Estimate, nights: dict[GpuTier, float]) -> Saving:
    before = saved = hours = 0.0
    for group in estimate.groups:
        before += _hours(estimate, group, nights) * group.dollars_an_hour
        of_group = _spot_hours(estimate, group, nights)
        hours += of_group
        saved += of_group * group.dollars_an_hour * prices.SPOT[group.instance]
    why = (
        f"{hours:,.0f} instance hours above the on-demand base"
        if hours >= 1
        else "100 daily users need no instance above the on-demand base of each tier"
    )
    return Saving("Spot", before, saved, why)


def _plans(estimate: Estimate, nights: dict[GpuTier, float]) -> Saving:
    base = saved = 0.0
    for group in estimate.groups:
        # A plan is paid by the hour, used or not: only for what runs most of the time.
        hours = _hours(estimate, group, nights)
        if group.least and hours > prices.HOURS / 2:
            dollars = hours * group.dollars_an_hour
            base += dollars
            unused = prices.HOURS - hours
            share = prices.PLAN_EC2[group.instance]
            saved += max(0.0, dollars * share - unused * group.dollars_an_hour * (1 - share))
    fargate = estimate.fargate_dollars()
    saved += fargate * prices.PLAN_FARGATE
    return Saving(
        "Savings Plans",
        base + fargate,
        saved,
        "one year, nothing in advance: Fargate, and GPUs where the nights leave them enough hours",
    )


def _reserved(estimate: Estimate) -> Saving:
    before = estimate.cache_dollars()
    why = "one year, nothing in advance"
    return Saving("Reserved Redis nodes", before, before * prices.RESERVED_CACHE, why)


def _lifecycle(estimate: Estimate) -> Saving:
    days = next(iter(_cooling_days(estimate)), None)
    stored = estimate.images_gb() * people.MONTHS
    if days is None:
        return Saving("S3 lifecycle", stored * prices.S3_GB, 0.0, "no rule moves pictures")
    # S3 leaves thumbnails where they are: they are below 128 KB.
    cool_months = max(0.0, people.MONTHS - days / prices.DAYS)
    cool = estimate.pictures * people.PICTURE_MB / 1024 * cool_months
    moves = estimate.pictures / 1000 * prices.S3_1000_MOVES
    return Saving(
        "S3 lifecycle",
        stored * prices.S3_GB,
        cool * (prices.S3_GB - prices.S3_COOL_GB) - moves,
        f"{cool:,.0f} GB are older than {days} days, less the price of moving a month's pictures",
    )


def _cooling_days(estimate: Estimate) -> Iterator[int]:
    for each in estimate.of("aws_s3_bucket_lifecycle_configuration"):
        for rule in each.arguments["rule"]:
            for move in rule.get("transition", []):
                if move["storage_class"] == "STANDARD_IA":
                    yield int(move["days"])
