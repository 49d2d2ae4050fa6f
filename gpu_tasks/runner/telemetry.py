"""What a worker tells of its card and its models, to Prometheus and to CloudWatch."""

from collections.abc import Collection, Iterator

from apps.core.observability.figures import Figure, publish
from apps.generation.worker_figures import keep_worker_figures
from apps.plans.tiers import GpuTier
from gpu_tasks.engine import Engine
from gpu_tasks.engine.device import device_uuid
from gpu_tasks.worker.gpu import gpu_use

SECONDS_BETWEEN_FIGURES = 30.0


def tell_figures(engine: Engine, *, tiers: Collection[GpuTier], worker: str) -> None:
    """Tell how the card is now, and what was counted since the last time."""
    # A worker of several tiers is one on somebody's own machine.
    figures = list(_figures(engine, tier=next(iter(tiers)).value, worker=worker))
    keep_worker_figures(figures, worker=worker)
    publish(figures)


def _figures(engine: Engine, *, tier: str, worker: str) -> Iterator[Figure]:
    uuid = device_uuid(engine.device)
    use = None if uuid is None else gpu_use(uuid)
    if use is not None:
        place = {"tier": tier, "worker": worker}
        yield Figure("gpu_utilization_percent", use.utilization_percent, place)
        yield Figure("gpu_memory_percent", round(use.memory_percent, 1), place)
    counts = engine.counts.take()
    for key, found in (
        ("model_hits", counts.hits),
        ("model_loads", counts.loads),
        ("model_load_seconds", counts.load_seconds),
        ("out_of_memory", counts.shortages),
    ):
        for model, value in found.items():
            yield Figure(key, round(value, 3), {"tier": tier, "model": model})
