"""Reads on archives: what there is, and which pictures belong into one."""

import uuid
from collections.abc import Iterator

from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts.models import User
from apps.core.errors import NotFound
from apps.core.storage import file_store
from apps.core.tenancy import tenant_scope
from apps.images.archives import zip_pieces
from apps.images.exports import ExportFormat
from apps.images.listed import ListedImage, read_listed
from apps.images.models import Archive, ArchiveStatus
from apps.images.search import Filters, Order, Place, find_images
from apps.images.storage import archive_key

# In place of a board: every picture.
ALL = "all"
# Of a selection: each name is written into the row.
MOST_NAMED = 20_000
PICTURES_A_PAGE = 100


def list_archives(*, user: User) -> QuerySet[Archive]:
    """List the archives of `user` that have not expired, newest first."""
    kept = Archive.objects.filter(user=user, expires_at__gt=timezone.now())
    return kept.order_by("-created_at", "-id")


def get_archive(*, user: User, archive_id: uuid.UUID) -> Archive:
    """Return an archive of `user`.

    Raises:
        NotFound: there is none of that id, it has expired, or it is somebody else's.
    """
    archive = list_archives(user=user).filter(id=archive_id).first()
    if archive is None:
        raise NotFound
    return archive


def archive_pieces(*, archive: Archive, part: range | None = None) -> Iterator[bytes]:
    """Return the zip piece by piece, made meanwhile if it is a small one.

    A stored one can be had in `part` too.

    Raises:
        NotFound: it is not ready, or its file is gone.
    """
    if archive.status != ArchiveStatus.READY:
        raise NotFound
    if archive.is_streamed:
        return make_zip(archive)
    try:
        key = archive_key(user_id=archive.user_id, archive_id=archive.id)
        return file_store.pieces(key, part)
    except FileNotFoundError as error:
        raise NotFound from error


def make_zip(archive: Archive, images: Iterator[ListedImage] | None = None) -> Iterator[bytes]:
    """Make the zip of an archive, of its pictures as they are now unless they are given."""
    return zip_pieces(
        images if images is not None else pictures_of(archive),
        to=ExportFormat(archive.export_format),
        quality=archive.quality,
    )


def pictures_of(archive: Archive) -> Iterator[ListedImage]:
    """Yield what belongs into an archive and is not in the trash, a page of rows in memory.

    Each page is read in a transaction of its own, as the archive's user.
    """
    pages = _named(archive) if archive.image_names else _on_board(archive)
    for page in pages:
        yield from page


def _named(archive: Archive) -> Iterator[list[ListedImage]]:
    for start in range(0, len(archive.image_names), PICTURES_A_PAGE):
        names = archive.image_names[start : start + PICTURES_A_PAGE]
        with tenant_scope(archive.user_id):
            page = read_listed(
                "user_id = %s AND image_name = ANY (%s) AND deleted_at IS NULL"
                " ORDER BY created_at DESC, id DESC",
                [archive.user_id, names],
            )
        yield page


def _on_board(archive: Archive) -> Iterator[list[ListedImage]]:
    filters = Filters(board=None if archive.board == ALL else archive.board)
    last: Place | None = None
    while True:
        with tenant_scope(archive.user_id):
            page = find_images(
                user=archive.user,
                filters=filters,
                order=Order.NEWEST,
                size=PICTURES_A_PAGE,
                after=last,
            )
        yield page
        if len(page) < PICTURES_A_PAGE:
            return
        last = Place.of(page[-1])
