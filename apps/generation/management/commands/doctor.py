"""Look at each part and say what to do about the ones that are not well."""

import shutil
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand

from apps.accounts.health import check_mail, check_sign_in
from apps.catalog.models import GenerationModel
from apps.core.health import (
    Check,
    check_broker,
    check_cache,
    check_database,
    check_migrations,
    check_reader,
    check_storage,
    run_check,
)
from apps.core.replica import has_reader
from apps.core.tenancy import service_scope
from apps.generation.models import Job, JobState
from apps.generation.queues import measure_depths
from apps.generation.workers import seconds_since_last_sign
from config import env

FREE_BYTES_WANTED = 500 * 1024**2


class Command(BaseCommand):
    help = (
        "Check Python, disk, database, cache, broker, storage, sign-in, mail, models and workers."
    )
    # The database may be the very part that is ill.
    requires_system_checks = ()
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> None:
        checks = [
            check_python(),
            check_disk(),
            check_database(),
            *([check_reader()] if has_reader() else []),
            check_migrations(),
            check_cache(),
            check_broker(),
            check_storage(),
            check_sign_in(),
            check_mail(),
            check_models(),
            check_queues(),
            check_workers(),
            check_waiting_jobs(),
        ]
        for check in checks:
            mark = self.style.SUCCESS("ok  ") if check.ok else self.style.ERROR("ill ")
            self.stdout.write(f"{mark} {check.name:<12} {check.found}")
            if not check.ok:
                self.stdout.write(f"     {'':<12} → {check.advice}")
        if not all(check.ok for check in checks):
            sys.exit(1)


def check_python() -> Check:
    found = sys.version.split()[0]
    ok = sys.version_info[:2] == (3, 11)
    return Check("python", ok, found, "Install Python 3.11 and run `make up` again.")


def check_disk() -> Check:
    folder = next(path for path in (env.VAR_DIR, *env.VAR_DIR.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    found = f"{free / 1024**3:.1f} GiB free"
    return Check("disk", free > FREE_BYTES_WANTED, found, "Make room; see the files under var/.")


def check_models() -> Check:
    def look() -> str:
        models = list(GenerationModel.objects.filter(user=None, is_enabled=True))
        if not models:
            raise RuntimeError("no model is installed")
        for model in models:
            directory: Path = settings.EASEL_MODELS_ROOT / model.location
            if not any(directory.glob("**/*.safetensors")) and not _is_stored(model):
                raise RuntimeError(f"{model.key} has no weights in {directory}")
        return ", ".join(model.key for model in models)

    return run_check("models", look, advice="Run `python manage.py bootstrap_local`.")


def _is_stored(model: GenerationModel) -> bool:
    """Say whether workers can fetch a model from the file store, by its first file."""
    if not model.files:
        return False
    return default_storage.exists(f"{model.location}/{model.files[0]['path']}")


def check_queues() -> Check:
    def look() -> str:
        depths = measure_depths()
        dead = sum(depth.dead_letters or 0 for depth in depths.values())
        if dead:
            raise RuntimeError(f"{dead} dead letters")
        return f"{sum(depth.messages for depth in depths.values())} messages"

    return run_check(
        "queues",
        look,
        advice="See EASEL_BROKER_URL; dead letters go by `celery -A config gpu purge-dead`.",
    )


def check_workers() -> Check:
    def look() -> str:
        seconds = seconds_since_last_sign()
        if seconds is None:
            raise RuntimeError("none was heard of in the last 50 s")
        return f"last heard of {seconds:.0f} s ago"

    return run_check(
        "workers", look, advice="Start one with `make up`; if it is up, read its log in the output."
    )


def check_waiting_jobs() -> Check:
    def look() -> str:
        with service_scope("count the jobs"):
            waiting = Job.objects.filter(state=JobState.QUEUED).count()
            running = Job.objects.filter(state=JobState.RUNNING).count()
        return f"{waiting} waiting, {running} running"

    return run_check("jobs", look, advice="See the database above.")
