"""Writes on archives: ask for one, give it up, remove what has expired."""

import uuid
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Sum
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.core.errors import Conflict, Invalid, NotFound, TooLarge
from apps.core.storage import file_store
from apps.core.tenancy import service_scope
from apps.images.archive_selectors import ALL, MOST_NAMED, get_archive, list_archives
from apps.images.exports import ExportFormat
from apps.images.models import Archive, ArchiveStatus, Image
from apps.images.search import LOOSE
from apps.images.selectors import list_images

ARCHIVE_KEPT = timedelta(days=1)
# Of those that have a file, or will have one.
MOST_KEPT = 10
ARCHIVES_A_SWEEP = 100


def request_archive(
    *,
    user: User,
    names: Sequence[uuid.UUID] = (),
    board: str = "",
    to: ExportFormat = ExportFormat.PNG,
    quality: int,
) -> Archive:
    """Ask for a zip of pictures: of those named, or of a board (its id, `LOOSE` or `ALL`).

    A small one is ready at once, another waits for its turn.

    Raises:
        Invalid: `user` has no picture of one of the names; the fields say which.
        NotFound: no picture is left that is not in the trash, or there is no such board.
        TooLarge: they come to more than one archive may.
        Conflict: the user has as many archives as are kept.
    """
    names = list(dict.fromkeys(names))
    if len(names) > MOST_NAMED:
        message = _("At most %(most)s selected pictures fit into one archive. A board comes whole.")
        raise TooLarge(message % {"most": number_format(MOST_NAMED)}, limit=MOST_NAMED)
    count, size = _measure_named(user, names) if names else _measure_board(user, board)
    if count == 0:
        raise NotFound(_("There are no pictures here to download."))
    most = settings.EASEL_ARCHIVE_MAX_BYTES
    if size > most:
        raise TooLarge(_("These are too many for one archive. Take some at a time."), limit=most)
    is_streamed = (
        to is ExportFormat.PNG
        and count <= settings.EASEL_ARCHIVE_STREAM_PICTURES
        and size <= settings.EASEL_ARCHIVE_STREAM_BYTES
    )
    with transaction.atomic():
        if not is_streamed:
            _check_room(user)
        return Archive.objects.create(
            user=user,
            status=ArchiveStatus.READY if is_streamed else ArchiveStatus.WAITING,
            image_names=names,
            board=board,
            export_format=to.value,
            quality=quality,
            is_streamed=is_streamed,
            done=count if is_streamed else 0,
            total=count,
            size_bytes=size,
            expires_at=timezone.now() + ARCHIVE_KEPT,
        )


def delete_archive(*, user: User, archive_id: uuid.UUID) -> None:
    """Remove an archive with its file; whoever is making it stops.

    Raises:
        NotFound: `user` has no such archive.
    """
    archive = get_archive(user=user, archive_id=archive_id)
    archive.delete()
    if archive.file_key:
        transaction.on_commit(lambda: file_store.delete_many([archive.file_key]))


def remove_expired_archives() -> int:
    """Remove archives whose time is over, with their files; return how many."""
    with service_scope("remove expired archives"):
        now = timezone.now()
        # One that is being made has a maker who holds its lease.
        expired = Archive.objects.filter(expires_at__lte=now).exclude(
            status=ArchiveStatus.RUNNING, lease_until__gt=now
        )
        free = expired.select_for_update(skip_locked=True, of=("self",))
        archives = list(free[:ARCHIVES_A_SWEEP])
        # The files first: if this is cut short the rows are left, and say what is still to go.
        file_store.delete_many([archive.file_key for archive in archives if archive.file_key])
        Archive.objects.filter(id__in=[archive.id for archive in archives]).delete()
    return len(archives)


def _measure_named(user: User, names: Sequence[uuid.UUID]) -> tuple[int, int]:
    rows = Image.objects.filter(user=user, image_name__in=names)
    found = {
        name: None if deleted_at else size
        for name, deleted_at, size in rows.values_list(
            "image_name", "deleted_at", "file_size_bytes"
        )
    }
    unknown = [place for place, name in enumerate(names) if name not in found]
    if unknown:
        message = _("You have no such picture.")
        raise Invalid(fields={f"images.{place}": [message] for place in unknown})
    sizes = [size for size in found.values() if size is not None]
    return len(sizes), sum(sizes)


def _measure_board(user: User, board: str) -> tuple[int, int]:
    shown = list_images(user=user)
    if board != ALL:
        shown = shown.filter(board_id=None if board == LOOSE else board)
    found = shown.order_by().aggregate(count=Count("id"), size=Sum("file_size_bytes", default=0))
    return found["count"], found["size"]


def _check_room(user: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"archives:{user.id}"]
        )
    kept = list_archives(user=user).filter(is_streamed=False).exclude(status=ArchiveStatus.FAILED)
    if kept.count() >= MOST_KEPT:
        message = _("You have as many archives as are kept. Delete one, or wait for its end.")
        raise Conflict(message, limit=MOST_KEPT)
