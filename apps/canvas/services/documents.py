"""Writes on canvases."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.canvas.documents import (
    MAX_SIDE,
    MIN_SIDE,
    as_json,
    empty_document,
    named_files,
    picture_layer,
)
from apps.canvas.models import MAX_DOCUMENTS, MAX_NAME_LENGTH, CanvasDocument, CanvasFile
from apps.canvas.selectors import get_document, list_trash
from apps.canvas.services.files import (
    delete_files,
    kept_files,
    lock_canvases,
    require_room,
    write_file,
)
from apps.canvas.storage import file_key
from apps.core.errors import Conflict, Invalid, NotFound
from apps.images.files import without_words
from apps.images.selectors import get_image, read_file

# Of a canvas, for who undoes what a save has dropped; older ones go at once.
UNNAMED_KEPT = 40


def create_document(
    *, user: User, width: int, height: int, name: str | None = None
) -> CanvasDocument:
    """Make an empty canvas.

    Raises:
        Conflict: `user` has as many as one may have.
        Forbidden: the plan is paused, or its storage is full.
    """
    require_room(user_id=user.id)
    document = empty_document(width=width, height=height)
    return _insert(_new(user, name or _("Untitled canvas"), document))


def create_from_image(
    *, user: User, image_name: uuid.UUID, name: str | None = None
) -> CanvasDocument:
    """Make a canvas of the size of a picture, with a copy of it as its first layer.

    Raises:
        NotFound: `user` has no such picture.
        Invalid: it is smaller or larger than a canvas may be.
        Conflict, Forbidden: as for an empty one.
    """
    require_room(user_id=user.id)
    image = get_image(user_id=user.id, image_name=image_name)
    if image.deleted_at is not None:
        raise NotFound
    sides = image.width, image.height
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in sides):
        message = _("The picture has no side of %(least)d to %(most)d pixels.")
        raise Invalid(fields={"image": [message % {"least": MIN_SIDE, "most": MAX_SIDE}]})
    title = name or str(image.metadata.get("prompt") or "")[:MAX_NAME_LENGTH].strip()
    row = _new(user, title or _("Untitled canvas"), {})
    file = write_file(
        user_id=user.id,
        document_id=row.id,
        content=without_words(read_file(image=image)),
        width=image.width,
        height=image.height,
    )
    layer = picture_layer(name=_("Picture"), width=sides[0], height=sides[1], image=file.name)
    row.document = empty_document(width=sides[0], height=sides[1], layers=[layer])
    row.preview = file.name
    return _insert(row, file)


def duplicate_document(*, user: User, document_id: uuid.UUID) -> CanvasDocument:
    """Copy a canvas with all that it shows.

    Raises:
        NotFound: `user` has no such canvas.
        Conflict, Forbidden: as for a new one.
    """
    source = get_document(user=user, document_id=document_id)
    require_room(user_id=user.id)
    name = _("%(name)s (copy)") % {"name": source.name[: MAX_NAME_LENGTH - 20]}
    row = _new(user, name, source.document)
    names = named_files(source.document, source.preview)
    copies: dict[uuid.UUID, CanvasFile] = {}
    with kept_files(copies.values()):
        for file in CanvasFile.objects.filter(user=user, document=source, name__in=names):
            copies[file.name] = _copy(file, row)
    row.preview = copies[source.preview].name if source.preview in copies else None
    row.document = source.document | {
        "layers": [
            {**layer, "image": layer["image"] and str(copies[uuid.UUID(layer["image"])].name)}
            for layer in source.document["layers"]
        ]
    }
    return _insert(row, *copies.values())


def save_document(
    *,
    user: User,
    document_id: uuid.UUID,
    version: int,
    document: Mapping[str, Any],
    **preview: uuid.UUID | None,
) -> CanvasDocument:
    """Keep a checked document, and its `preview` if one is given.

    Raises:
        NotFound: `user` has no such canvas.
        Conflict: it is not at `version` any more; the number that it is at comes along.
        Invalid: a layer names a file that this canvas does not have.
    """
    with transaction.atomic():
        row = _locked(user, document_id)
        if row.version != version:
            raise Conflict(
                _("This canvas was saved elsewhere meanwhile. Load it anew first."),
                version=row.version,
            )
        row.document = as_json(document)
        row.width, row.height = row.document["width"], row.document["height"]
        row.preview = preview.get("preview", row.preview)
        row.version += 1
        _name_files(row)
        row.save()
        # The time that PostgreSQL gave it.
        row.refresh_from_db(fields=["updated_at"])
    return row


def rename_document(*, user: User, document_id: uuid.UUID, name: str) -> CanvasDocument:
    """Give a canvas another name, whatever version it is at.

    Raises:
        NotFound: `user` has no such canvas.
    """
    own = CanvasDocument.objects.filter(user=user, id=document_id, deleted_at=None)
    own.update(name=name)
    return get_document(user=user, document_id=document_id)


def trash_document(*, user: User, document_id: uuid.UUID) -> None:
    """Put a canvas into the trash, which keeps it for 30 days.

    Raises:
        NotFound: `user` has no such canvas.
    """
    own = CanvasDocument.objects.filter(user=user, id=document_id, deleted_at=None)
    if not own.update(deleted_at=timezone.now()):
        raise NotFound


def restore_document(*, user: User, document_id: uuid.UUID) -> CanvasDocument:
    """Take a canvas out of the trash; one that is not in it stays as it is.

    Raises:
        NotFound: `user` has no such canvas.
        Conflict: `user` has as many as one may have.
    """
    thrown = CanvasDocument.objects.filter(user=user, id=document_id, deleted_at__isnull=False)
    with transaction.atomic():
        lock_canvases(user_id=user.id)
        if thrown.exists():
            _require_place(user.id)
            thrown.update(deleted_at=None)
        return get_document(user=user, document_id=document_id)


def empty_trash(*, user: User) -> int:
    """Delete for good the canvases in the trash of `user`; return how many."""
    with transaction.atomic():
        thrown = list(list_trash(user=user).select_for_update())
        return delete_documents(thrown)


def delete_documents(documents: list[CanvasDocument]) -> int:
    """Delete canvases with their files, for good; within a transaction."""
    ids = [document.id for document in documents]
    delete_files(CanvasFile.objects.filter(document__in=ids))
    CanvasDocument.objects.filter(id__in=ids).delete()
    return len(documents)


def _new(user: User, name: str, document: dict[str, Any]) -> CanvasDocument:
    sides = {side: document[side] for side in ("width", "height") if side in document}
    return CanvasDocument(user=user, name=name, document=document, **sides)


def _insert(row: CanvasDocument, *files: CanvasFile) -> CanvasDocument:
    row.width, row.height = row.document["width"], row.document["height"]
    with kept_files(files), transaction.atomic():
        lock_canvases(user_id=row.user_id)
        _require_place(row.user_id)
        row.save(force_insert=True)
        CanvasFile.objects.bulk_create(files)
        require_room(user_id=row.user_id, more=0)
    return row


def _require_place(user_id: uuid.UUID) -> None:
    """Refuse one more canvas than there may be; with the canvases locked."""
    shown = CanvasDocument.objects.filter(user=user_id, deleted_at=None)
    if shown.count() >= MAX_DOCUMENTS:
        raise Conflict(_("You have as many canvases as there can be."), limit=MAX_DOCUMENTS)


def _copy(file: CanvasFile, row: CanvasDocument) -> CanvasFile:
    key = file_key(user_id=file.user_id, document_id=file.document_id, name=file.name)
    try:
        with default_storage.open(key) as source:
            content = bytes(source.read())
    except FileNotFoundError as error:
        raise NotFound from error
    return write_file(
        user_id=row.user_id,
        document_id=row.id,
        content=content,
        width=file.width,
        height=file.height,
    )


def _locked(user: User, document_id: uuid.UUID) -> CanvasDocument:
    own = CanvasDocument.objects.filter(user=user, id=document_id, deleted_at=None)
    row = own.select_for_update().first()
    if row is None:
        raise NotFound
    return row


def _name_files(row: CanvasDocument) -> None:
    """Mark which files the document needs now; of those it does not, the latest stay a while."""
    files = CanvasFile.objects.filter(user=row.user_id, document=row)
    names = named_files(row.document, row.preview)
    # The sweep of leftovers must not delete meanwhile what the document now names.
    locked = files.order_by("id").select_for_update(of=("self",))
    known = set(locked.values_list("name", flat=True))
    if names - known:
        raise Invalid(fields=_unknown_files(row, known))
    files.filter(name__in=names, unnamed_at__isnull=False).update(unnamed_at=None)
    files.filter(unnamed_at=None).exclude(name__in=names).update(unnamed_at=timezone.now())
    unnamed = files.filter(unnamed_at__isnull=False).order_by("-unnamed_at", "-created_at", "id")
    delete_files(unnamed[UNNAMED_KEPT:])


def _unknown_files(row: CanvasDocument, known: set[uuid.UUID]) -> dict[str, list[str]]:
    message = _("This canvas has no such file; upload the pixels of the layer first.")
    layers = enumerate(row.document["layers"])
    fields = {
        f"document.layers.{number}.image": [message]
        for number, layer in layers
        if layer["image"] and uuid.UUID(layer["image"]) not in known
    }
    return fields or {"preview": [message]}
