"""Write everything that is a user's own into one zip: rows as JSON, pictures as they are."""

import json
import tempfile
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from django.core.files import File
from django.core.files.storage import default_storage
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.accounts.models import User
from apps.core.audit import WITHHELD, list_acts, record_act
from apps.core.models import Act, AuditRecord
from apps.core.storage import file_store
from apps.core.tenancy import tenant_scope
from apps.privacy.models import DataRequest
from apps.privacy.selectors import export_key, tenant_models, user_prefix
from apps.privacy.services.requests import finish_request, report_progress

EXPORT_KEPT = timedelta(days=7)
# Made from the pictures, or earlier exports: they would only make the file larger.
_LEFT_OUT = ("/images/thumbnails/", "/archives/", "/exports/")
_PROFILE_FIELDS = ("id", "email", "name", "avatar_url", "language", "last_login", "created_at")
_ROWS_AT_ONCE = 500


def run_export(request: DataRequest) -> None:
    """Make the zip of an export and store it for a week."""
    user_id = request.user_id
    prefix = user_prefix(user_id)
    keys = sorted(
        key
        for key, _written_at in file_store.walk(prefix)
        if not key.removeprefix(prefix).startswith(_LEFT_OUT)
    )
    key = export_key(user_id=user_id, request_id=request.id)
    with tempfile.TemporaryFile() as file:
        with ZipFile(file, "w") as archive:
            with tenant_scope(user_id):
                _write_rows(archive, user_id)
            for number, stored in enumerate(keys):
                report_progress(request, done=number, total=len(keys))
                _write_file(archive, stored, name=f"files{stored.removeprefix(prefix)}")
        size = file.tell()
        file.seek(0)
        default_storage.save(key, File(file))
    finish_request(
        request,
        done=len(keys),
        total=len(keys),
        file_key=key,
        file_size_bytes=size,
        expires_at=timezone.now() + EXPORT_KEPT,
    )
    with tenant_scope(user_id):
        record_act(act=Act.DATA_EXPORTED, user_id=user_id, actor_id=user_id)


def _write_rows(archive: ZipFile, user_id: uuid.UUID) -> None:
    profile = User.objects.filter(id=user_id).values(*_PROFILE_FIELDS).get()
    archive.writestr("profile.json", _json(profile), compress_type=ZIP_DEFLATED)
    _write_table(archive, "activity.json", list_acts(user_id=user_id), shown=_act)
    for model in tenant_models():
        name = f"{model._meta.app_label}/{model._meta.model_name}.json"
        rows = model._default_manager.filter(Q(("user", user_id)))
        _write_table(archive, name, rows, hidden=model.private_fields)


def _write_table(
    archive: ZipFile,
    name: str,
    rows: QuerySet[Any],
    *,
    hidden: tuple[str, ...] = (),
    shown: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> None:
    """Write rows as one JSON array, a page of them in memory at a time."""
    fields = [f.attname for f in rows.model._meta.concrete_fields if f.attname not in hidden]
    page = rows.order_by("pk").values(*fields)
    last = rows.model._meta.pk.attname
    separator = "["
    with archive.open(ZipInfo(name), "w") as file:
        found = list(page[:_ROWS_AT_ONCE])
        while found:
            for row in found:
                file.write(f"{separator}\n{_json(shown(row))}".encode())
                separator = ","
            found = list(page.filter(pk__gt=found[-1][last])[:_ROWS_AT_ONCE])
        file.write(b"[]" if separator == "[" else b"\n]")


def _act(row: dict[str, Any]) -> dict[str, Any]:
    return row | WITHHELD if AuditRecord(**row).is_by_another else row


def _json(value: object) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)


def _write_file(archive: ZipFile, key: str, *, name: str) -> None:
    try:
        pieces = file_store.pieces(key)
    except FileNotFoundError:
        # Deleted by its user since the list was made.
        return
    # As it is: pictures are compressed already.
    with archive.open(ZipInfo(name), "w", force_zip64=True) as target:
        for piece in pieces:
            target.write(piece)
