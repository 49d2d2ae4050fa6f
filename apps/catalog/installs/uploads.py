"""Take the parts of an upload; each lies in the file store until the whole is put together."""

import uuid
from collections.abc import Iterator

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.catalog.models import InstallSource, InstallStatus, ModelInstall
from apps.catalog.selectors import get_install
from apps.catalog.storage import USERS_FOLDER
from apps.core.errors import Conflict, Invalid
from apps.core.storage import file_store

# Well below what a body of a request may have (`apps.core.bodies`).
MOST_PART = 16 * 1024**2


def parts_folder(*, user_id: uuid.UUID, install_id: uuid.UUID) -> str:
    """Return the key below which the parts of an upload lie."""
    return f"{USERS_FOLDER}/{user_id}/uploads/{install_id}"


def add_part(*, user: User, install_id: uuid.UUID, offset: int, content: bytes) -> ModelInstall:
    """Keep the bytes of an upload that begin at `offset`; with the last ones the install begins.

    One that is here already is no error, so that a client that lost the answer sends it again.

    Raises:
        NotFound: `user` has no such install.
        Invalid: there are no bytes, or more than were announced.
        Conflict: it is no upload that waits for parts, or the part does not follow the last one;
            `offset` says what does.
    """
    install = get_install(user=user, install_id=install_id)
    total = install.total_bytes or 0
    end = offset + len(content)
    if install.source_kind != InstallSource.UPLOAD or install.status != InstallStatus.UPLOADING:
        raise Conflict(_("This install waits for no parts."))
    if not content or len(content) > MOST_PART or end > total:
        message = _("Send up to %(most)s bytes at a time, and no more than were announced.")
        raise Invalid(fields={"body": [message % {"most": MOST_PART}]})
    if end <= install.done_bytes:
        return install
    if offset != install.done_bytes:
        raise Conflict(_("This part does not follow the last one."), offset=install.done_bytes)
    # Before the row that counts it. Of two at once one overwrites nothing: its name is its own.
    folder = parts_folder(user_id=user.id, install_id=install.id)
    key = default_storage.save(f"{folder}/{offset:015d}-{uuid.uuid4().hex}", ContentFile(content))
    is_whole = end == total
    counted = ModelInstall.objects.filter(
        user=user, id=install.id, status=InstallStatus.UPLOADING, done_bytes=offset
    ).update(
        done_bytes=end,
        parts=[*install.parts, {"key": key, "size": len(content)}],
        status=InstallStatus.WAITING if is_whole else InstallStatus.UPLOADING,
    )
    if not counted:
        file_store.delete_many([key])
        raise Conflict(_("Another part came at the same moment."))
    return get_install(user=user, install_id=install.id)


def uploaded_pieces(install: ModelInstall) -> Iterator[bytes]:
    """Yield the content of an upload, piece by piece, from its parts.

    Raises:
        FileNotFoundError: a part is gone.
        OSError: the store is away.
    """
    for part in install.parts:
        yield from file_store.pieces(part["key"])


def delete_parts(install: ModelInstall) -> None:
    """Delete the parts of an upload that has ended."""
    file_store.delete_many([part["key"] for part in install.parts])
