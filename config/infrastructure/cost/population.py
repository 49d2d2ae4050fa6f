"""What 100 daily users ask for: the population of docs/autoscaling.md, and files and traffic."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from apps.plans.products import PLANS
from apps.plans.tiers import TIERS, GpuTier
from config.infrastructure.autoscaling.population import (
    CHOICE,
    PEAK_HOUR,
    PICTURE_SECONDS,
    SECONDS_A_DAY,
    SWING,
    USERS_OF_1000,
    habits_of,
)
from config.infrastructure.autoscaling.study import GIVEN, Outcome, Scenario, simulate
from config.infrastructure.cost.prices import DAYS

DAILY_USERS = 100
MODELS = ("SD 1.5", "SDXL", "FLUX", "Z-Image")
SEED = 1
# The rules that modules/gpu_tier has, which wake an empty tier.
RULE: Mapping[GpuTier, str] = {
    GpuTier.BASIC: "steps",
    GpuTier.HIGH_PERFORMANCE: "steps",
    GpuTier.DEDICATED: "steps, woken",
}

# Assumed, with nothing to go by but experience with such services.
USERS_A_MONTH_PER_DAILY = 3.0
PICTURE_MB = 1.6
THUMBNAIL_MB = 0.04
# A picture is looked at so often, of which the browser's own cache answers the rest.
VIEWS_OF_A_PICTURE = 3.0
THUMBNAIL_VIEWS_OF_A_USER = 400
REQUESTS_OF_A_USER = 1_500
MODELS_GB = 120.0
# Files of a model (`MODELS`), half precision; FLUX in 8 bits.
MODEL_GB = (2.1, 6.9, 17.0, 20.5)
# Of these a machine keeps so much in memory, loaded or as pages of files: a p4d all of them.
KEPT_GB: dict[GpuTier, float] = {
    GpuTier.BASIC: 8.0,
    GpuTier.HIGH_PERFORMANCE: 12.0,
    GpuTier.DEDICATED: 1000.0,
}
# How often a day an instance starts, with nothing in memory: after idle hours, a loss, a release.
STARTS_A_DAY: Mapping[GpuTier, float] = {
    GpuTier.BASIC: 3.0,
    GpuTier.HIGH_PERFORMANCE: 5.0,
    GpuTier.DEDICATED: 5.0,
}
# Models that are new in a month, each of which is written once.
NEW_MODELS_GB = 20.0
IMAGES_IN_REGISTRY_GB = 40.0
DATABASE_GB = 20.0
DATABASE_MILLION_IO = 60.0
# What the writer needs on the average; a reader follows it at half, and neither below the minimum.
WRITER_ACU = 1.0
READER_ACU = 0.5
LOG_LINES_GB = 15.0
FLOW_LOGS_GB = 8.0
OWN_METRICS = 200.0
NAT_TRAFFIC_GB = 60.0
BETWEEN_ZONES_GB = 100.0
SQS_MILLIONS = 6.0
# So many requests are drawn to see how often a model is read.
_REQUESTS = 20_000
# Age of the service for the question of what lies in S3.
MONTHS = 12


@dataclass(frozen=True, slots=True)
class Usage:
    """What the users of a tier do in a month."""

    tier: GpuTier
    gpu_seconds: float
    pictures: float
    instance_hours: float
    outcome: Outcome


def usage_of(tier: GpuTier) -> Usage:
    """Work out a month of a tier from a simulated day of its users."""
    seconds = pictures = 0.0
    for slug, share in USERS_OF_1000.items():
        plan = PLANS[slug]
        if plan.gpu_tier == tier:
            of_plan = share / 1000 * DAILY_USERS * SECONDS_A_DAY[slug] * DAYS
            seconds += of_plan
            pictures += of_plan / mean_seconds(slug)
    outcome = simulate(Scenario(DAILY_USERS, tier, RULE[tier], GIVEN), seed=SEED)
    hours = outcome.dollars_an_hour / float(TIERS[tier].dollars_per_hour) * 24 * DAYS
    return Usage(tier, seconds, pictures, hours, outcome)


def model_reads_gb(tier: GpuTier) -> float:
    """Return the gigabytes that a tier's instances read of models in a month.

    A request for a model that is not in memory reads it, and the one that was used least recently
    goes. A start forgets all.
    """
    habits = habits_of(tier=tier, daily_users=DAILY_USERS)
    a_day = sum(habit.requests_a_day for habit in habits)
    if not a_day:
        return 0.0
    weights = [
        sum(habit.requests_a_day * habit.choice[model] for habit in habits)
        for model in range(len(MODELS))
    ]
    shares = np.array(weights) / a_day
    asked = np.random.default_rng(SEED).choice(len(MODELS), size=_REQUESTS, p=shares).tolist()
    a_start = max(1, round(a_day / STARTS_A_DAY[tier]))
    kept: list[int] = []
    gigabytes = 0.0
    for number, model in enumerate(asked):
        if number % a_start == 0:
            kept.clear()
        if model in kept:
            kept.remove(model)
        else:
            gigabytes += MODEL_GB[model]
        kept.append(model)
        while len(kept) > 1 and sum(MODEL_GB[each] for each in kept) > KEPT_GB[tier]:
            kept.pop(0)
    return gigabytes / _REQUESTS * a_day * DAYS


def mean_seconds(slug: str) -> float:
    """Return the GPU seconds of an average picture of a plan."""
    choice = CHOICE[PLANS[slug].models]
    return sum(seconds * share for seconds, share in zip(PICTURE_SECONDS, choice, strict=True))


def share_of_night_idle(tier: GpuTier, *, begins: int, ends: int, leave_seconds: float) -> float:
    """Return which share of the night's hours the last instance is gone.

    Requests come by chance (Poisson); the instance leaves `leave_seconds` after the last one and
    the next one wakes it. Between two requests it is away if the gap is longer: exp(-rate × wait).
    """
    rate = sum(habit.requests_a_day for habit in habits_of(tier=tier, daily_users=DAILY_USERS))
    hours = range(begins, ends)
    away = [math.exp(-rate / 24 * _curve(hour + 0.5) * leave_seconds / 3600) for hour in hours]
    return sum(away) / len(hours)


def _curve(hour: float) -> float:
    return 1 + SWING * math.cos(2 * math.pi * (hour - PEAK_HOUR) / 24)
