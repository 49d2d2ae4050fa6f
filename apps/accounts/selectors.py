"""Reads on users.

Those by e-mail, subject and id look someone up before it is known whose request it is; nothing
else does.
"""

import uuid

from django.db import connection

from apps.accounts.models import User
from apps.core.tenancy import tenant_scope


def account_by_email(*, email: str) -> User | None:
    """Return the account of an address, whatever its case, confirmed or not."""
    user_id = user_id_of_email(email=email)
    user = account_by_id(user_id=user_id) if user_id else None
    # UPPER makes one letter of two ("ı" and "i" both become "I"): an address that merely looks
    # like another one is not that address.
    if user is None or user.email.casefold() != email.casefold():
        return None
    return user


def account_by_subject(*, subject: str) -> User | None:
    """Return the account that signs in as `subject` at the provider."""
    user_id = user_id_of_subject(subject=subject)
    return account_by_id(user_id=user_id) if user_id else None


def account_by_id(*, user_id: uuid.UUID) -> User | None:
    """Return an account by the key that a signed link carries."""
    with tenant_scope(user_id):
        return User.objects.filter(pk=user_id).first()


def user_of_session(*, user_id: uuid.UUID) -> User | None:
    """Return who has a session, unless blocked since; called within that tenant's scope."""
    user = User.objects.filter(pk=user_id).first()
    return user if user is not None and may_sign_in(user) else None


def user_id_of_email(*, email: str) -> uuid.UUID | None:
    """Return whose e-mail this is, whatever its case."""
    return _look_up("SELECT easel_user_id_of_email(%s)", email)


def user_id_of_subject(*, subject: str) -> uuid.UUID | None:
    """Return who signs in as `subject` at the provider."""
    return _look_up("SELECT easel_user_id_of_subject(%s)", subject)


def may_sign_in(user: User) -> bool:
    """Tell whether `user` may have a session: not blocked, and with a confirmed address."""
    return user.is_active and user.email_verified


def _look_up(query: str, value: str) -> uuid.UUID | None:
    with connection.cursor() as cursor:
        cursor.execute(query, [value])
        found: uuid.UUID | None = cursor.fetchone()[0]
    return found
