"""Make large archives in the background, one at a time, whatever happens to the one who does."""

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from datetime import timedelta

import structlog
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.core.errors import new_error_id
from apps.core.storage import file_store
from apps.core.tenancy import service_scope, tenant_scope
from apps.images.archive_selectors import make_zip, pictures_of
from apps.images.listed import ListedImage
from apps.images.models import Archive, ArchiveStatus
from apps.images.services.archives import ARCHIVE_KEPT
from apps.images.signals import archive_changed
from apps.images.storage import archive_key

logger = structlog.get_logger(__name__)

LEASE = timedelta(minutes=1)
BEAT_SECONDS = 15.0
PROGRESS_SECONDS = 1.0
MAX_ATTEMPTS = 3
SERVED_LATELY = timedelta(days=1)


class SupersededError(Exception):
    """The archive was deleted, or another maker has taken it."""


def make_archives() -> int:
    """Make every archive that waits; return how many were brought to their end.

    Raises:
        DatabaseError, OSError: a part is away; the archive is begun again when its lease ends.
    """
    made = 0
    while make_next_archive():
        made += 1
    return made


def make_next_archive() -> bool:
    """Claim an archive and make it; False if none is due."""
    archive = claim_next_archive()
    if archive is None:
        return False
    try:
        with _lease_kept(archive):
            _make(archive)
    except (DatabaseError, OSError):
        raise
    except SupersededError:
        logger.info("archive_given_up", archive_id=str(archive.id))
    except Exception:
        error_id = fail_archive(archive)
        logger.exception("archive_failed", archive_id=str(archive.id), error_id=error_id)
    return True


def claim_next_archive() -> Archive | None:
    """Take the next archive that waits, or one whose maker died; fail it after three tries.

    Whoever had the fewest made in the last day comes first, then whoever waits longest. One at a
    time of a user, and none of somebody who may not sign in.
    """
    now = timezone.now()
    running = Archive.objects.filter(user=OuterRef("user"), status=ArchiveStatus.RUNNING)
    is_lost = Q(status=ArchiveStatus.RUNNING, lease_until__lt=now)
    is_next = Q(status=ArchiveStatus.WAITING) & ~Exists(running)
    served = Archive.objects.filter(
        user=OuterRef("user"), attempt__gt=0, updated_at__gt=now - SERVED_LATELY
    )
    with service_scope("claim an archive"):
        _wait_for_other_claims()
        due = Archive.objects.filter(is_lost | is_next, user__is_active=True)
        free = due.select_for_update(skip_locked=True, of=("self",)).select_related("user")
        archive = free.order_by(_count(served), "created_at", "id").first()
        if archive is None:
            return None
        if archive.attempt >= MAX_ATTEMPTS:
            logger.error("archive_lost", archive_id=str(archive.id), error_id=fail_archive(archive))
            return None
        archive.status = ArchiveStatus.RUNNING
        archive.attempt += 1
        archive.done = 0
        archive.lease_until = now + LEASE
        archive.save(update_fields=["status", "attempt", "done", "lease_until"])
        _announce(archive)
    return archive


def _wait_for_other_claims() -> None:
    # Two at once would each take an archive of the same user, and the second be refused.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('claim an archive', 0))")


def _count(archives: QuerySet[Archive]) -> Coalesce:
    counted = archives.order_by().values("user").annotate(count=Count("*")).values("count")
    return Coalesce(Subquery(counted), 0)


def fail_archive(archive: Archive) -> str:
    """Mark an archive as failed; return the error id to look for in the log."""
    error_id = new_error_id()
    _change(archive, status=ArchiveStatus.FAILED, lease_until=None, error_id=error_id)
    return error_id


def _make(archive: Archive) -> None:
    key = archive_key(user_id=archive.user_id, archive_id=archive.id)
    with tempfile.TemporaryFile() as file:
        for piece in make_zip(archive, _reported(archive)):
            file.write(piece)
        size = file.tell()
        file.seek(0)
        default_storage.save(key, File(file))
    is_ours = _change(
        archive,
        status=ArchiveStatus.READY,
        total=archive.done,
        done=archive.done,
        size_bytes=size,
        file_key=key,
        lease_until=None,
        expires_at=timezone.now() + ARCHIVE_KEPT,
    )
    if not is_ours:
        _remove_unwanted(archive, key)


def _reported(archive: Archive) -> Iterator[ListedImage]:
    """Pass on the pictures of an archive and tell how many were, once a second at most.

    Raises:
        SupersededError: nobody waits for this attempt any more.
    """
    told = time.monotonic()
    for done, image in enumerate(pictures_of(archive)):
        archive.done = done
        if time.monotonic() - told >= PROGRESS_SECONDS:
            told = time.monotonic()
            if not _change(archive, done=done, lease_until=timezone.now() + LEASE):
                raise SupersededError
        yield image
        archive.done = done + 1


def _change(archive: Archive, **facts: object) -> bool:
    """Change an archive as its present maker, and tell its user; False if that is somebody else."""
    with tenant_scope(archive.user_id):
        if not _as_claimed(archive).update(**facts):
            return False
        for name, value in facts.items():
            setattr(archive, name, value)
        _announce(archive)
    return True


def _as_claimed(archive: Archive) -> QuerySet[Archive]:
    return Archive.objects.filter(
        user=archive.user_id,
        id=archive.id,
        attempt=archive.attempt,
        status=ArchiveStatus.RUNNING,
    )


def _announce(archive: Archive) -> None:
    # As it is now: it may have gone on by then.
    changed = copy(archive)
    transaction.on_commit(lambda: archive_changed.send(Archive, archive=changed))


def _remove_unwanted(archive: Archive, key: str) -> None:
    """Delete a zip that was stored after its archive was deleted.

    Another maker's has the same key and is as good as ours.
    """
    with tenant_scope(archive.user_id):
        is_wanted = Archive.objects.filter(user=archive.user_id, id=archive.id).exists()
    if not is_wanted:
        file_store.delete_many([key])


@contextmanager
def _lease_kept(archive: Archive) -> Iterator[None]:
    """Renew the lease from a thread: to store a zip of gigabytes takes longer than it lasts."""
    ended = threading.Event()

    def beat() -> None:
        try:
            while not ended.wait(BEAT_SECONDS):
                _renew(archive)
        finally:
            connection.close()

    thread = threading.Thread(target=beat, name="archive-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _renew(archive: Archive) -> None:
    try:
        with tenant_scope(archive.user_id):
            _as_claimed(archive).update(lease_until=timezone.now() + LEASE)
    except DatabaseError as error:
        logger.warning("archive_lease_not_renewed", error=type(error).__name__)
