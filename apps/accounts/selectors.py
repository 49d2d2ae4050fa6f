"""Reads on users and their keys.

`find_key` and `account_by_subject` are asked before it is known whose request it is, so they
see every tenant; nothing else here does.
"""

import uuid

from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.accounts.key_secrets import digest_of, looks_like_secret
from apps.accounts.models import ApiKey, User
from apps.core.errors import NotFound


def find_key(*, secret: str) -> ApiKey | None:
    """Return the usable key with this secret, its active user loaded with it; one query."""
    if not looks_like_secret(secret):
        return None
    return (
        _usable(ApiKey.objects.all())
        .select_related("user")
        .filter(digest=digest_of(secret), user__is_active=True)
        .first()
    )


def account_by_subject(*, subject: str) -> User | None:
    """Return the account that signs in as `subject` at the provider."""
    return User.objects.filter(oidc_subject=subject).first()


def list_keys(*, user: User) -> QuerySet[ApiKey]:
    """List the keys of `user` that are not revoked, newest first; expired ones are shown."""
    return ApiKey.objects.filter(user=user, revoked_at__isnull=True).order_by("-created_at", "-id")


def get_key(*, user: User, key_id: uuid.UUID) -> ApiKey:
    """Return a key of `user` that is not revoked.

    Raises:
        NotFound: there is none of that id, or it is somebody else's.
    """
    key = list_keys(user=user).filter(id=key_id).first()
    if key is None:
        raise NotFound
    return key


def _usable(keys: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
    return keys.filter(revoked_at__isnull=True).filter(
        Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now())
    )
