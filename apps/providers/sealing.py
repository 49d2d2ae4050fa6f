"""Encrypt users' keys at rest, each bound to its user and provider.

AES-256-GCM under a key that HKDF makes of the first of `EASEL_PROVIDER_KEYS_SECRETS`; the others
are former ones, which still open what they sealed. A row that is moved to another user does not
open.
"""

import base64
import binascii
import os
import uuid

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_NONCE_BYTES = 12
_PURPOSE = b"easel.provider-keys"


class NotOpenedError(Exception):
    """None of the secrets opens this: it was sealed by another, for another, or was changed."""


def can_seal() -> bool:
    """Say whether users' own keys can be kept here."""
    return bool(settings.EASEL_PROVIDER_KEYS_SECRETS)


def seal(text: str, *, user_id: uuid.UUID, provider: str) -> str:
    """Encrypt a key under the current secret; printable."""
    nonce = os.urandom(_NONCE_BYTES)
    current = _cipher(settings.EASEL_PROVIDER_KEYS_SECRETS[0])
    sealed = current.encrypt(nonce, text.encode(), _subject(user_id, provider))
    return base64.urlsafe_b64encode(nonce + sealed).decode("ascii")


def unseal(sealed: str, *, user_id: uuid.UUID, provider: str) -> str:
    """Decrypt a key, under whichever of the secrets it was sealed.

    Raises:
        NotOpenedError: none opens it.
    """
    return _open(sealed, user_id=user_id, provider=provider)[0]


def is_current(sealed: str, *, user_id: uuid.UUID, provider: str) -> bool:
    """Say whether a key is sealed under the current secret.

    Raises:
        NotOpenedError: none opens it.
    """
    return _open(sealed, user_id=user_id, provider=provider)[1] == 0


def _open(sealed: str, *, user_id: uuid.UUID, provider: str) -> tuple[str, int]:
    try:
        data = base64.urlsafe_b64decode(sealed)
    except (ValueError, binascii.Error) as error:
        raise NotOpenedError from error
    nonce, rest = data[:_NONCE_BYTES], data[_NONCE_BYTES:]
    for number, secret in enumerate(settings.EASEL_PROVIDER_KEYS_SECRETS):
        try:
            opened = _cipher(secret).decrypt(nonce, rest, _subject(user_id, provider))
        except (InvalidTag, ValueError):
            continue
        return opened.decode(), number
    raise NotOpenedError


def _cipher(secret: str) -> AESGCM:
    derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE)
    return AESGCM(derive.derive(secret.encode()))


def _subject(user_id: uuid.UUID, provider: str) -> bytes:
    return f"{user_id}/{provider}".encode()
