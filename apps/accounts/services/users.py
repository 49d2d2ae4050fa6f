"""Writes on users."""

import structlog
from django.db import transaction

from apps.accounts.announcements import announce_access_changed
from apps.accounts.models import User

logger = structlog.get_logger(__name__)


def ensure_administrator(*, email: str, password: str, name: str) -> tuple[User, bool]:
    """Create the administrator `email` unless there is one; tell whether it was created."""
    user = User.objects.filter(email__iexact=email).first()
    if user is not None:
        return user, False
    return User.objects.create_superuser(email, password, name=name), True


def set_active(*, user: User, active: bool) -> None:
    """Let `user` in, or turn them away at once: requests, keys, tokens and open sockets."""
    with transaction.atomic():
        User.objects.filter(id=user.id).update(is_active=active)
        transaction.on_commit(lambda: announce_access_changed(user.id))
    user.is_active = active
    logger.info("user_active_set", user_id=str(user.id), active=active)
