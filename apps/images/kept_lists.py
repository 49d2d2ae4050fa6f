"""Pages of lists, kept in Redis for a minute, and no longer than nothing changes.

A page is kept under the version of its user's library. Whatever changes pictures ends the version
when it commits, so that nobody has to know which pages there are.
"""

import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

from django.conf import settings
from django.core.cache import cache
from django.db import transaction

from apps.core.replica import note_write

_VERSION_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class KeptPage:
    """The bytes of a page, and whether they had been kept."""

    content: bytes
    is_hit: bool


def note_library_change(user_id: uuid.UUID) -> None:
    """Let no list of `user_id` be older than the transaction that runs, once it has committed."""
    note_write(user_id)
    if settings.EASEL_LIST_CACHE_SECONDS:
        transaction.on_commit(lambda: cache.delete(_version_key(user_id)))


def kept_page(*, user_id: uuid.UUID, asked: str, make: Callable[[], bytes]) -> KeptPage:
    """Return what is kept for the question `asked` of a user, or else make and keep it.

    `asked` holds all that the answer hangs on beside the user's pictures.
    """
    # Before anything is read: what changes from here on ends this version.
    version = _version_of(user_id) if settings.EASEL_LIST_CACHE_SECONDS else None
    if version is None:
        return KeptPage(make(), is_hit=False)
    digest = blake2b(asked.encode(), digest_size=16).hexdigest()
    key = f"{_version_key(user_id)}:{version}:{digest}"
    kept = cache.get(key)
    if isinstance(kept, bytes):
        return KeptPage(kept, is_hit=True)
    content = make()
    cache.set(key, content, settings.EASEL_LIST_CACHE_SECONDS)
    return KeptPage(content, is_hit=False)


def _version_of(user_id: uuid.UUID) -> str | None:
    """Return the version of a library, a new one if it has none; None if Redis is away."""
    key = _version_key(user_id)
    found = cache.get(key)
    if found is None:
        cache.add(key, secrets.token_hex(8), _VERSION_SECONDS)
        # Another may have been first.
        found = cache.get(key)
    return found if isinstance(found, str) else None


def _version_key(user_id: uuid.UUID) -> str:
    return f"images:list:{user_id}"
