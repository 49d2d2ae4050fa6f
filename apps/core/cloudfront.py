"""Signatures that CloudFront checks by our public key, for one file or for all of a folder.

The form is CloudFront's: a policy in JSON without spaces, signed by RSA with PKCS #1 v1.5 and
SHA-1, in a base64 that addresses and cookies may hold. Equal policies have equal signatures.
"""

import base64
import json
from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.conf import settings

COOKIES = ("CloudFront-Policy", "CloudFront-Signature", "CloudFront-Key-Pair-Id")
# In place of what base64 has and an address may not.
_IN_ADDRESSES = str.maketrans("+=/", "-_~")


@dataclass(frozen=True, slots=True)
class CloudFrontSigner:
    """A private key, and the id by which CloudFront knows its public half."""

    key_pair_id: str
    key: RSAPrivateKey

    def signed_address(self, address: str, *, ends: int) -> str:
        """Return `address`, which has no query, with the right to fetch it until `ends` (epoch)."""
        signature = _text(self._sign(_policy(address, ends)))
        return f"{address}?Expires={ends}&Signature={signature}&Key-Pair-Id={self.key_pair_id}"

    def cookies(self, resource: str, *, ends: int) -> dict[str, str]:
        """Return the cookies that open every address like `resource` (`*` is anything)."""
        policy = _policy(resource, ends)
        values = (_text(policy), _text(self._sign(policy)), self.key_pair_id)
        return dict(zip(COOKIES, values, strict=True))

    def _sign(self, policy: bytes) -> bytes:
        # CloudFront takes no other digest by default; SHA-1 is weak against who may choose what
        # is signed, and nobody but us chooses a policy.
        return self.key.sign(policy, padding.PKCS1v15(), SHA1())  # noqa: S303  # nosec B303


def cloudfront_signer() -> CloudFrontSigner | None:
    """Return the signer of the settings; None where CloudFront does not serve pictures.

    Raises:
        ValueError: the private key cannot be read, or is not of RSA.
    """
    key_pair_id, pem = settings.EASEL_CDN_KEY_PAIR_ID, settings.EASEL_CDN_PRIVATE_KEY
    return _signer(key_pair_id, pem) if key_pair_id and pem else None


@lru_cache(maxsize=4)
def _signer(key_pair_id: str, pem: str) -> CloudFrontSigner:
    return CloudFrontSigner(key_pair_id, read_private_key(pem))


def read_private_key(pem: str) -> RSAPrivateKey:
    """Read a private key of RSA from PEM.

    Raises:
        ValueError: it is none, or is encrypted; without a word of what it holds.
    """
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise ValueError("no private key in PEM without a password") from error
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("a private key, but not of RSA")  # noqa: TRY004 (the text is at fault)
    return key


def _policy(resource: str, ends: int) -> bytes:
    condition = {"DateLessThan": {"AWS:EpochTime": ends}}
    statement = {"Statement": [{"Resource": resource, "Condition": condition}]}
    return json.dumps(statement, separators=(",", ":")).encode()


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode().translate(_IN_ADDRESSES)
