"""Remove what installs left that did not come to their end, and files that no row names."""

import re
import shutil
import uuid
from collections.abc import Sequence
from datetime import timedelta

import structlog
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.catalog.models import OPEN_INSTALLS, GenerationModel, InstallStatus, ModelInstall
from apps.core.storage import UUID_PATTERN, file_store, old_keys
from apps.core.tenancy import service_scope

logger = structlog.get_logger(__name__)

# An upload that gets no part for so long is given up.
UPLOAD_KEPT = timedelta(days=1)
# Files are written before the row that names them: longer than storing the largest takes.
GRACE = timedelta(hours=12)

_PART = re.compile(rf"models/users/{UUID_PATTERN}/uploads/({UUID_PATTERN})/.+")
_OF_MODEL = re.compile(rf"(models/(?:users/{UUID_PATTERN}|shared/[^/]+)/[^/]+)/.+")


def give_up_old_uploads() -> int:
    """Fail uploads that wait for parts that do not come; return how many."""
    with service_scope("give up old uploads"):
        old = ModelInstall.objects.filter(
            status=InstallStatus.UPLOADING, updated_at__lt=timezone.now() - UPLOAD_KEPT
        )
        return old.update(
            status=InstallStatus.FAILED,
            detail=_("The upload was not finished within a day."),
            finished_at=timezone.now(),
        )


def remove_install_leftovers() -> int:
    """Remove files of models that no row names, and folders of installs that ended elsewhere.

    Only what is older than any install takes from its first file to its row. Return how many.
    """
    removed = _remove_folders()
    for keys in old_keys("models", before=timezone.now() - GRACE):
        orphans = _without_row(keys)
        if orphans:
            file_store.delete_many(orphans)
            removed += len(orphans)
            logger.info("model_files_without_row_removed", count=len(orphans), first=orphans[0])
    return removed


def _remove_folders() -> int:
    folder = settings.EASEL_INSTALL_DIRECTORY
    found = list(folder.iterdir()) if folder.is_dir() else []
    ids = {path: _id_of(path.name) for path in found}
    with service_scope("look for installs under way"):
        rows = ModelInstall.objects.filter(
            id__in=[each for each in ids.values() if each], status__in=sorted(OPEN_INSTALLS)
        )
        open_ids = set(rows.values_list("id", flat=True))
    gone = [path for path, install_id in ids.items() if install_id and install_id not in open_ids]
    for path in gone:
        shutil.rmtree(path, ignore_errors=True)
    return len(gone)


def _id_of(name: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(name)
    except ValueError:
        return None


def _without_row(keys: Sequence[str]) -> list[str]:
    parts = {key: match[1] for key in keys if (match := _PART.fullmatch(key))}
    files = {
        key: match[1]
        for key in keys
        if key not in parts and (match := _OF_MODEL.fullmatch(key)) is not None
    }
    with service_scope("look for files of models without a row"):
        installs = ModelInstall.objects.filter(
            id__in=set(parts.values()), status__in=sorted(OPEN_INSTALLS)
        )
        wanted_parts = {str(found) for found in installs.values_list("id", flat=True)}
        models = GenerationModel.objects.filter(location__in=set(files.values()), deleted_at=None)
        wanted_files = set(models.values_list("location", flat=True))
    return [key for key, install_id in parts.items() if install_id not in wanted_parts] + [
        key for key, location in files.items() if location not in wanted_files
    ]
