"""Reads on canvases."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.core.files.storage import default_storage
from django.db.models import QuerySet, Sum

from apps.accounts.models import User
from apps.canvas.models import CanvasDocument, CanvasFile
from apps.canvas.storage import file_key
from apps.core.errors import NotFound


def list_documents(*, user: User) -> QuerySet[CanvasDocument]:
    """List the canvases of `user`, what was saved last first, without those in the trash."""
    shown = CanvasDocument.objects.filter(user=user, deleted_at=None)
    return shown.defer("document").order_by("-updated_at", "-id")


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """Canvases without their documents, and where the list goes on; empty at its end."""

    documents: list[CanvasDocument]
    next: str


def document_page(*, user: User, size: int, after: str = "") -> DocumentPage:
    """Return the canvases of `user`, what was saved last first, from the `next` of a page on.

    One query.

    Raises:
        NotFound: there is no such page.
    """
    documents = list_documents(user=user)
    if after:
        updated_at, document_id = _place(after)
        documents = documents.filter(updated_at__lte=updated_at)
        documents = documents.exclude(updated_at=updated_at, id__gte=document_id)
    found = list(documents[: size + 1])
    last = found[size - 1] if len(found) > size else None
    place = "" if last is None else f"{last.updated_at:%Y%m%dT%H%M%S.%fZ}_{last.id}"
    return DocumentPage(found[:size], place)


def _place(text: str) -> tuple[datetime, uuid.UUID]:
    moment, _underscore, document_id = text.partition("_")
    try:
        return datetime.strptime(moment, "%Y%m%dT%H%M%S.%f%z"), uuid.UUID(document_id)
    except ValueError as error:
        raise NotFound from error


def list_trash(*, user: User) -> QuerySet[CanvasDocument]:
    """List the canvases that `user` threw away, the latest first."""
    thrown = CanvasDocument.objects.filter(user=user, deleted_at__isnull=False)
    return thrown.defer("document").order_by("-deleted_at", "-id")


def get_document(*, user: User, document_id: uuid.UUID) -> CanvasDocument:
    """Return a canvas of `user`.

    Raises:
        NotFound: there is none of that id, it is thrown away, or somebody else's.
    """
    own = CanvasDocument.objects.filter(user=user, deleted_at=None)
    document = own.filter(id=document_id).first()
    if document is None:
        raise NotFound
    return document


def read_layer_file(*, user: User, document_id: uuid.UUID, name: uuid.UUID) -> bytes:
    """Return a PNG of a canvas of `user`, be it in the trash.

    Raises:
        NotFound: there is no such canvas or file.
    """
    files = CanvasFile.objects.filter(user=user, document=document_id, name=name)
    if not files.exists():
        raise NotFound
    key = file_key(user_id=user.id, document_id=document_id, name=name)
    try:
        with default_storage.open(key) as file:
            return bytes(file.read())
    except FileNotFoundError as error:
        raise NotFound from error


def stored_bytes(*, user_id: uuid.UUID) -> int:
    """Return the bytes that the files of a user's canvases take."""
    files = CanvasFile.objects.filter(user=user_id)
    return files.aggregate(total=Sum("file_size_bytes"))["total"] or 0
