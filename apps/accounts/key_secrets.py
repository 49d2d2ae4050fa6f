"""The secret of an API key, and the digest that is kept of it.

A slow, salted hash makes guessing dear where people choose the secret. This one is 256 random
bits: nobody guesses it, however fast the hash. SHA-256 costs a microsecond a request where a
password hash would cost a quarter of a second, which anybody could make us spend; and without a
salt the digest can be found by an index.
"""

import hashlib
import re
import secrets

KEY_PREFIX = "ek_"
HINT_LENGTH = 8
_SECRET = re.compile(r"ek_[A-Za-z0-9_-]{43}")


def new_secret() -> str:
    """Make the secret of a new key: the prefix, by which leak scanners know it, and 256 bits."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def looks_like_secret(text: str) -> bool:
    """Say whether `text` has the form of a secret, before the database is asked."""
    return _SECRET.fullmatch(text) is not None


def digest_of(secret: str) -> str:
    """Return the SHA-256 of `secret` in hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()
