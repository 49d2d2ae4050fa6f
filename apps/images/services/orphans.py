"""Remove files that no row names: what a process that died had stored and not yet told of."""

import re
import uuid
from collections.abc import Sequence
from datetime import timedelta

import structlog
from django.db.models import Model, QuerySet
from django.utils import timezone

from apps.accounts.models import User
from apps.core.storage import UUID_PATTERN, file_store, old_keys
from apps.core.tenancy import service_scope
from apps.images.models import Archive, Image
from apps.privacy.models import DataRequest

logger = structlog.get_logger(__name__)

# A file is written before its row: longer than any job or upload takes from the one to the other.
GRACE = timedelta(hours=1)

# Which keys are ours to judge, and by which rows: whatever else lies there is left alone.
_KINDS: list[tuple[re.Pattern[str], type[Model], str]] = [
    (re.compile(rf"users/({UUID_PATTERN})/images/({UUID_PATTERN})\.png"), Image, "image_name"),
    (
        re.compile(rf"users/({UUID_PATTERN})/images/thumbnails/({UUID_PATTERN})(?:_\d+)?\.webp"),
        Image,
        "image_name",
    ),
    (re.compile(rf"users/({UUID_PATTERN})/archives/({UUID_PATTERN})\.zip"), Archive, "id"),
    (re.compile(rf"users/({UUID_PATTERN})/exports/({UUID_PATTERN})\.zip"), DataRequest, "id"),
]
_OWNER = re.compile(rf"users/({UUID_PATTERN})/")
# What a disk has of a write that was cut short.
_INCOMPLETE = re.compile(rf"users/{UUID_PATTERN}/[a-z0-9/-]+/\.incomplete-\w+")


def register_kind(pattern: re.Pattern[str], model: type[Model], field: str) -> None:
    """Judge these keys too, from an `AppConfig.ready()` of an app that stands above this one.

    `pattern` takes the owner and a name out of a key; `field` of `model` has that name.
    """
    if (pattern, model, field) not in _KINDS:
        _KINDS.append((pattern, model, field))


def remove_orphans() -> int:
    """Delete files of users that are older than an hour and that no row names; return how many.

    Pages of the store's list in memory, never all of it. Pictures in the trash have rows. Where a
    file is of nobody that the database knows, nothing more is deleted.
    """
    removed = 0
    for keys in old_keys("users", before=timezone.now() - GRACE):
        if strangers := _unknown_users(keys):
            # Accounts keep their rows: this is the store of another database.
            logger.error("files_of_unknown_users", count=len(strangers), first=min(strangers))
            break
        orphans = _without_row(keys)
        if orphans:
            file_store.delete_many(orphans)
            removed += len(orphans)
            logger.info("files_without_row_removed", count=len(orphans), first=orphans[0])
    return removed


def _unknown_users(keys: Sequence[str]) -> set[str]:
    owners = {match[1] for key in keys if (match := _OWNER.match(key))}
    with service_scope("look for whose files these are"):
        known = User.objects.filter(id__in=owners).values_list("id", flat=True)
        return owners - {str(user_id) for user_id in known}


def _without_row(keys: Sequence[str]) -> list[str]:
    orphans = [key for key in keys if _INCOMPLETE.fullmatch(key)]
    with service_scope("look for files without a row"):
        for pattern, model, field in _KINDS:
            found = {key: match.groups() for key in keys if (match := pattern.fullmatch(key))}
            if not found:
                continue
            named = _named(
                model._default_manager.all(), field, {name for _, name in found.values()}
            )
            orphans += [key for key, (user, name) in found.items() if (user, name) not in named]
    return orphans


def _named(rows: QuerySet[Model], field: str, names: set[str]) -> set[tuple[str, str]]:
    wanted = rows.filter(**{f"{field}__in": [uuid.UUID(name) for name in names]})
    return {(str(user), str(name)) for user, name in wanted.values_list("user_id", field)}
