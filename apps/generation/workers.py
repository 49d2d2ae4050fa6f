"""Who works: the signs of life of the workers, for pages and for those who look after them."""

import uuid
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.generation.models import Worker, WorkerState
from apps.plans.tiers import GpuTier

HEARTBEAT_SECONDS = 5
SILENT_AFTER = timedelta(seconds=10 * HEARTBEAT_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOfLife:
    """What a worker tells about itself; bytes are `None` where nobody can say."""

    name: str
    run: uuid.UUID
    tiers: Collection[GpuTier]
    gpu: str
    memory_total_bytes: int | None
    memory_used_bytes: int | None
    rss_bytes: int | None
    loaded_models: Collection[str]
    current_job: uuid.UUID | None
    state: WorkerState
    last_received_at: datetime | None
    started_at: datetime
    version: str

    def to_json(self) -> dict[str, Any]:
        """Return what `easel_report_worker` takes."""
        return asdict(self) | {
            "tiers": list(self.tiers),
            "loaded_models": list(self.loaded_models),
        }


def live_workers(*, tier: GpuTier | None = None) -> QuerySet[Worker]:
    """List the workers (of `tier`) heard of lately that have not said good-bye."""
    workers = Worker.objects.filter(
        ~Q(state=WorkerState.GONE), seen_at__gte=timezone.now() - SILENT_AFTER
    )
    return workers if tier is None else workers.filter(tiers__contains=[tier])


def seconds_since_last_sign(*, tier: GpuTier | None = None) -> float | None:
    """Return how long ago any worker (of `tier`) was heard of, `None` if none was lately."""
    workers = live_workers(tier=tier)
    last_seen = workers.order_by("-seen_at").values_list("seen_at", flat=True).first()
    if last_seen is None:
        return None
    return max(0.0, (timezone.now() - last_seen).total_seconds())


def state_of(worker: Worker) -> WorkerState:
    """Return the state of a worker; one that is silent is gone, whatever it said last."""
    silent = worker.seen_at < timezone.now() - SILENT_AFTER
    return WorkerState.GONE if silent else WorkerState(worker.state)
