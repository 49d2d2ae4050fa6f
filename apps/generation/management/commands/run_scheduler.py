"""Run the sweeps that keep the promise that no job is lost."""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, close_old_connections

from apps.canvas.services.leftovers import (
    delete_canvas_leftovers,
    delete_canvases_past_retention,
)
from apps.catalog.installs.leftovers import give_up_old_uploads, remove_install_leftovers
from apps.catalog.installs.making import make_installs
from apps.core.checks import refuse_weak_settings
from apps.core.observability.processes import Role
from apps.core.observability.tracing import start_tracing
from apps.credits.services.costs import measure_costs
from apps.credits.services.grants import expire_grants
from apps.credits.services.notices import note_low_credits
from apps.generation.provided import enter_models_of_providers
from apps.generation.services.audit import audit_nightly
from apps.generation.services.cloudwatch import tally_and_publish
from apps.generation.services.dead_letters import drain_dead_letters
from apps.generation.services.leases import recover_expired_jobs, wake_forgotten_jobs
from apps.generation.services.leftovers import remove_leftovers
from apps.generation.services.workers import forget_gone_workers
from apps.generation.sweeps import OTHER_SWEEPS
from apps.images.services.archive_making import make_archives
from apps.images.services.archives import remove_expired_archives
from apps.images.services.intermediates import delete_old_intermediates
from apps.images.services.library import empty_trashes
from apps.images.services.orphans import remove_orphans
from apps.images.services.purges import delete_purged_files
from apps.images.services.retention import (
    delete_pictures_past_retention,
    note_pictures_that_will_go,
)
from apps.plans.services.enterprise import grant_enterprise_credits
from apps.plans.services.notices import note_plan_ends, send_notices
from apps.plans.services.reconciliation import reconcile_stripe
from apps.privacy.services.background import run_next_request
from apps.privacy.services.requests import remove_expired_exports

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Sweep:
    """Something done every `seconds`; it may run twice or in two processes without harm."""

    name: str
    seconds: float
    run: Callable[[], int]
    due_at: float = field(default_factory=time.monotonic)


class Command(BaseCommand):
    help = "Recover lost jobs, repeat lost wake-ups, expire credits, send notices, clean up."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            refuse_weak_settings()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        start_tracing(Role.SCHEDULER)
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        every = settings.EASEL_SWEEP_SECONDS
        sweeps = [
            Sweep("recover_expired_jobs", every, recover_expired_jobs),
            Sweep("wake_forgotten_jobs", every, wake_forgotten_jobs),
            Sweep("measure_costs", every, measure_costs),
            Sweep("expire_grants", 12 * every, expire_grants),
            Sweep("note_plan_ends", 12 * every, note_plan_ends),
            Sweep("note_low_credits", 12 * every, note_low_credits),
            Sweep("note_pictures_that_will_go", 720 * every, note_pictures_that_will_go),
            Sweep("remove_leftovers", 60 * every, remove_leftovers),
            Sweep("grant_enterprise_credits", 60 * every, grant_enterprise_credits),
            Sweep("remove_expired_exports", 60 * every, remove_expired_exports),
            Sweep("give_up_old_uploads", 720 * every, give_up_old_uploads),
            Sweep("forget_gone_workers", 720 * every, forget_gone_workers),
        ]
        # Each beside the sweeps: an export, a mail server or many files may take minutes, and a
        # lost job must not wait for them.
        aside = [
            Sweep("data_requests", every, run_next_request),
            Sweep("drain_dead_letters", 6 * every, drain_dead_letters),
            Sweep("tally_and_publish", 12 * every, tally_and_publish),
            Sweep("send_notices", 12 * every, send_notices),
            Sweep("reconcile_stripe", 120 * every, reconcile_stripe),
            Sweep("delete_pictures_past_retention", 720 * every, delete_pictures_past_retention),
            Sweep("empty_trashes", 720 * every, empty_trashes),
            Sweep("delete_canvases_past_retention", 720 * every, delete_canvases_past_retention),
            Sweep("delete_canvas_leftovers", 720 * every, delete_canvas_leftovers),
            Sweep("delete_old_intermediates", 720 * every, delete_old_intermediates),
            Sweep("delete_purged_files", every, delete_purged_files),
            # Not at once: whoever starts it in the wrong place can still stop it.
            Sweep("remove_orphans", 17_280 * every, remove_orphans, time.monotonic() + 720 * every),
            # Two: a large one must not keep everybody else's waiting.
            Sweep("make_archives", every, make_archives),
            Sweep("make_archives_too", every, make_archives),
            Sweep("remove_expired_archives", 60 * every, remove_expired_archives),
            # As many as this machine brings in at once, of all users.
            Sweep("make_installs", every, make_installs),
            Sweep("make_installs_too", every, make_installs),
            Sweep("remove_install_leftovers", 720 * every, remove_install_leftovers),
            Sweep("audit_credits", 60 * every, audit_nightly),
            *(Sweep(other.name, other.rounds * every, other.run) for other in OTHER_SWEEPS),
        ]
        for sweep in aside:
            threading.Thread(
                target=_keep_running, args=(stopped, [sweep]), name=sweep.name, daemon=True
            ).start()
        _run(Sweep("enter_models_of_providers", every, enter_models_of_providers))
        logger.info("scheduler_started")
        _keep_running(stopped, sweeps)
        logger.info("scheduler_stopped")


def _keep_running(stopped: threading.Event, sweeps: list[Sweep]) -> None:
    while not stopped.is_set():
        for sweep in sweeps:
            # Whoever asks for the end does not wait for a whole round.
            if sweep.due_at <= time.monotonic() and not stopped.is_set():
                _run(sweep)
        stopped.wait(max(0.0, min(sweep.due_at for sweep in sweeps) - time.monotonic()))


def _run(sweep: Sweep) -> None:
    sweep.due_at = time.monotonic() + sweep.seconds
    close_old_connections()
    try:
        count = sweep.run()
    except (DatabaseError, OSError) as error:
        # A part is away for a moment; the next round tries again.
        logger.warning("sweep_failed", sweep=sweep.name, error=type(error).__name__)
        return
    except Exception:
        # A fault of ours in one sweep must not stop the others, nor end its thread for good.
        logger.exception("sweep_broken", sweep=sweep.name)
        return
    finally:
        # There are more threads than connections in the pool, and most wait for their next turn.
        close_old_connections()
    if count:
        logger.info("sweep_done", sweep=sweep.name, count=count)
