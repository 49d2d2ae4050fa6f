"""Signs of life of workers, and the word to take no more jobs."""

import json
from datetime import timedelta

import structlog
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from django.utils import timezone

from apps.core.tenancy import closed_scope, service_scope
from apps.generation.models import DrainOrder, DrainScope, Worker
from apps.generation.workers import SignOfLife
from apps.plans.tiers import GpuTier

logger = structlog.get_logger(__name__)

# Names of instances that are no more; nobody asks for them after a day.
FORGET_AFTER = timedelta(days=1)


def report_worker(*, sign: SignOfLife) -> frozenset[GpuTier] | None:
    """Write a worker's row; return the tiers it is to claim nothing of.

    `None` if another live process has that name: then nothing was written.
    """
    facts = json.dumps(sign.to_json(), cls=DjangoJSONEncoder)
    with closed_scope(), connection.cursor() as cursor:
        cursor.execute("SELECT easel_report_worker(%s::jsonb)", [facts])
        (drained,) = cursor.fetchone()
    return None if drained is None else frozenset(GpuTier(tier) for tier in drained)


def drain(*, scope: DrainScope, target: str) -> bool:
    """Have a worker, or each worker of a tier, claim nothing more; `False` if that was so."""
    with service_scope("drain workers"):
        _order, is_new = DrainOrder.objects.get_or_create(scope=scope, target=target)
    logger.info("drain_ordered", scope=scope, target=target)
    return is_new


def resume(*, scope: DrainScope, target: str) -> bool:
    """Take `drain` back; `False` if there was nothing to take back."""
    with service_scope("resume workers"):
        count, _by_model = DrainOrder.objects.filter(scope=scope, target=target).delete()
    logger.info("drain_ended", scope=scope, target=target)
    return bool(count)


def forget_gone_workers() -> int:
    """Delete the rows of workers not heard of for a day, and the orders to them."""
    with service_scope("forget gone workers"):
        gone = Worker.objects.filter(seen_at__lt=timezone.now() - FORGET_AFTER)
        names = list(gone.values_list("name", flat=True))
        DrainOrder.objects.filter(scope=DrainScope.WORKER, target__in=names).delete()
        gone.filter(name__in=names).delete()
    return len(names)
