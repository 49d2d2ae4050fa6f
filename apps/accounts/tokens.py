"""Signed links in mails: they expire, and what they lead to makes them void."""

import uuid

from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from apps.accounts.models import User


class ConfirmationTokenGenerator(PasswordResetTokenGenerator):
    """Tokens that confirm an address; void once it is confirmed or the password is another."""

    key_salt = "apps.accounts.tokens.ConfirmationTokenGenerator"

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        return f"{super()._make_hash_value(user, timestamp)}{user.email_verified}"


confirmation_tokens = ConfirmationTokenGenerator()
reset_tokens = PasswordResetTokenGenerator()


def encode_user_id(user: User) -> str:
    """Write the key of `user` as it stands in a link."""
    return urlsafe_base64_encode(user.pk.bytes)


def decode_user_id(text: str) -> uuid.UUID | None:
    """Read what `encode_user_id` wrote; anything else is None."""
    try:
        return uuid.UUID(bytes=urlsafe_base64_decode(text))
    except ValueError:
        return None
