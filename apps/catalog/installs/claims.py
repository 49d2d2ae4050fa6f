"""Who makes which install: claims, leases and ends, as compare-and-set on state and attempt."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from django.db import DatabaseError, connection
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.catalog.models import InstallStatus, ModelInstall
from apps.core.errors import new_error_id
from apps.core.tenancy import service_scope, tenant_scope

logger = structlog.get_logger(__name__)

LEASE = timedelta(minutes=1)
BEAT_SECONDS = 15.0
MAX_ATTEMPTS = 5
# Of one user at once.
MOST_RUNNING = 1


class Superseded(Exception):
    """The install was given up, or another maker has taken it."""


def claim_next_install() -> ModelInstall | None:
    """Take the next install that waits, or one whose maker died; fail it after five tries.

    Whoever has the fewest running comes first, then whoever waits longest. One at a time of a user,
    and none of somebody who may not sign in.
    """
    now = timezone.now()
    running = ModelInstall.objects.filter(
        user=OuterRef("user"), status=InstallStatus.RUNNING, lease_until__gte=now
    )
    counted = running.order_by().values("user").annotate(count=Count("*")).values("count")
    is_lost = Q(status=InstallStatus.RUNNING, lease_until__lt=now)
    is_next = Q(status=InstallStatus.WAITING, running__lt=MOST_RUNNING)
    with service_scope("claim an install"):
        _wait_for_other_claims()
        due = ModelInstall.objects.annotate(running=Coalesce(Subquery(counted), 0))
        due = due.filter(is_lost | is_next, user__is_active=True)
        free = due.select_for_update(skip_locked=True, of=("self",)).select_related("user")
        install = free.order_by("running", "created_at", "id").first()
        if install is None:
            return None
        if install.attempt >= MAX_ATTEMPTS:
            error_id = fail_install(install, detail="")
            logger.error("install_lost", install_id=str(install.id), error_id=error_id)
            return None
        install.status = InstallStatus.RUNNING
        install.attempt = F("attempt") + 1
        install.lease_until = now + LEASE
        install.save(update_fields=["status", "attempt", "lease_until"])
        install.refresh_from_db(fields=["attempt"])
    return install


def change_install(install: ModelInstall, **facts: object) -> bool:
    """Change an install as its present maker; False if that is somebody else, or nobody."""
    with tenant_scope(install.user_id):
        if not as_claimed(install).update(**facts):
            return False
    for name, value in facts.items():
        setattr(install, name, value)
    return True


def as_claimed(install: ModelInstall) -> QuerySet[ModelInstall]:
    """Return the row of an install while its maker is who claimed it."""
    return ModelInstall.objects.filter(
        user=install.user_id,
        id=install.id,
        attempt=install.attempt,
        status=InstallStatus.RUNNING,
    )


def report_bytes(install: ModelInstall, *, done: int, total: int | None) -> None:
    """Tell how far the install is, and keep the lease.

    Raises:
        Superseded: nobody waits for this attempt any more.
    """
    lease = timezone.now() + LEASE
    if not change_install(install, done_bytes=done, total_bytes=total, lease_until=lease):
        raise Superseded


def fail_install(install: ModelInstall, *, detail: str) -> str:
    """Mark an install as failed, for a reason to be shown or one of ours; return the error id."""
    error_id = new_error_id()
    change_install(
        install,
        status=InstallStatus.FAILED,
        detail=detail,
        error_id=error_id,
        lease_until=None,
        finished_at=timezone.now(),
    )
    return error_id


@contextmanager
def lease_kept(install: ModelInstall) -> Iterator[None]:
    """Renew the lease from a thread: to store a model of gigabytes takes longer than it lasts."""
    ended = threading.Event()

    def beat() -> None:
        try:
            while not ended.wait(BEAT_SECONDS):
                _renew(install)
        finally:
            connection.close()

    thread = threading.Thread(target=beat, name="install-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _renew(install: ModelInstall) -> None:
    try:
        with tenant_scope(install.user_id):
            as_claimed(install).update(lease_until=timezone.now() + LEASE)
    except DatabaseError as error:
        logger.warning("install_lease_not_renewed", error=type(error).__name__)


def _wait_for_other_claims() -> None:
    # Two at once would each take a second install of the same user.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('claim an install', 0))")
