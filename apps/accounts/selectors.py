"""Reads on users.

The first three look someone up before it is known whose request it is; nothing else does.
"""

import uuid

from apps.accounts.models import User


def account_by_email(*, email: str) -> User | None:
    """Return the account of an address, whatever its case, confirmed or not."""
    user = User.objects.filter(email__iexact=email).first()
    # UPPER makes one letter of two ("ı" and "i" both become "I"): an address that merely looks
    # like another one is not that address.
    if user is None or user.email.casefold() != email.casefold():
        return None
    return user


def account_by_subject(*, subject: str) -> User | None:
    """Return the account that signs in as `subject` at the provider."""
    return User.objects.filter(oidc_subject=subject).first()


def account_by_id(*, user_id: uuid.UUID) -> User | None:
    """Return an account by the key that a signed link or a session carries."""
    return User.objects.filter(pk=user_id).first()


def may_sign_in(user: User) -> bool:
    """Tell whether `user` may have a session: not blocked, and with a confirmed address."""
    return user.is_active and user.email_verified
