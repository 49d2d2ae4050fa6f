"""The public keys of the sign-in provider: fetched once, asked again only with care."""

import functools
import threading
import time
from collections.abc import Callable
from typing import Any

import requests
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from django.utils.translation import gettext_lazy as _
from jwt import PyJWKSet, PyJWTError

from apps.core.errors import ErrorCode, ServiceFault

logger = structlog.get_logger(__name__)

DISCOVERY = "/.well-known/openid-configuration"
ALGORITHM = "RS256"
MIN_KEY_BITS = 2048
# Seconds to connect and to read.
TIMEOUT = (2, 3)
# After this long the keys are asked for again, so that a withdrawn one is forgotten.
FRESH_SECONDS = 3600
# While the provider is away its keys are still good for this long.
USABLE_SECONDS = 24 * 3600
# Tokens with key ids of somebody's invention make us ask no more often than this.
PAUSE_SECONDS = 30
PAUSE_AFTER_FAILURE_SECONDS = 5


class ProviderUnavailable(ServiceFault):
    """The provider does not answer: our fault, since the token may be as good as ever."""

    status = 503
    code = ErrorCode.PROVIDER_UNAVAILABLE
    detail = _(
        "Sign-in tokens cannot be checked at the moment. Please try again in a minute; "
        "API keys work all the same."
    )


class ProviderKeys:
    """The keys of one provider, by key id, shared by the threads of a process."""

    def __init__(
        self, *, issuer: str, jwks_uri: str | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._issuer = issuer
        self._jwks_uri = jwks_uri
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, RSAPublicKey] = {}
        self._fetched_at = -float("inf")
        self._asked_at = -float("inf")
        self._reachable = True

    def find(self, key_id: str) -> RSAPublicKey | None:
        """Return the key of that id, or None if the provider has none.

        An unknown id asks the provider once, for all threads that wait for it.

        Raises:
            ProviderUnavailable: the provider would have to be asked and does not answer.
        """
        key = self._known(key_id)
        if key is not None:
            self._renew_in_passing()
            return key
        with self._lock:
            key = self._known(key_id)
            if key is not None:
                return key
            if self._may_ask():
                self._fetch()
            if not self._reachable:
                raise ProviderUnavailable
            return self._known(key_id)

    def _known(self, key_id: str) -> RSAPublicKey | None:
        age = self._clock() - self._fetched_at
        return self._keys.get(key_id) if age < USABLE_SECONDS else None

    def _may_ask(self) -> bool:
        pause = PAUSE_SECONDS if self._reachable else PAUSE_AFTER_FAILURE_SECONDS
        return self._clock() - self._asked_at >= pause

    def _renew_in_passing(self) -> None:
        """Fetch keys that are no longer fresh; one thread does, the others go on with the old."""
        if self._clock() - self._fetched_at < FRESH_SECONDS or not self._may_ask():
            return
        if self._lock.acquire(blocking=False):
            try:
                self._fetch()
            finally:
                self._lock.release()

    def _fetch(self) -> None:
        self._asked_at = self._clock()
        try:
            keys = _read_keys(_get_json(self._address()))
        except (requests.RequestException, ValueError, PyJWTError) as error:
            self._reachable = False
            logger.warning("provider_keys_unavailable", error=type(error).__name__)
            return
        self._reachable = True
        self._keys = keys
        self._fetched_at = self._clock()
        logger.info("provider_keys_fetched", count=len(keys))

    def _address(self) -> str:
        if self._jwks_uri is None:
            document = _get_json(self._issuer.rstrip("/") + DISCOVERY)
            if document.get("issuer") != self._issuer:
                raise ValueError("The discovery document is another issuer's.")
            self._jwks_uri = str(document.get("jwks_uri"))
        return self._jwks_uri


@functools.cache
def provider_keys(issuer: str, jwks_uri: str | None) -> ProviderKeys:
    """Return the keys of `issuer`, the same object for the life of the process."""
    return ProviderKeys(issuer=issuer, jwks_uri=jwks_uri)


def _get_json(url: str) -> dict[str, Any]:
    response = requests.get(url, timeout=TIMEOUT, allow_redirects=False)
    if response.status_code != requests.codes.ok:
        raise ValueError("The provider did not answer with a document.")
    document = response.json()
    if not isinstance(document, dict):
        raise ValueError("The provider's document is not an object.")  # noqa: TRY004
    return document


def _read_keys(document: dict[str, Any]) -> dict[str, RSAPublicKey]:
    """Take the signing keys of our one algorithm; a provider may list others beside them."""
    listed = document.get("keys")
    candidates = [
        each
        for each in (listed if isinstance(listed, list) else [])
        if isinstance(each, dict)
        and each.get("kty") == "RSA"
        and each.get("use", "sig") == "sig"
        and each.get("alg", ALGORITHM) == ALGORITHM
        and isinstance(each.get("kid"), str)
    ]
    found = {each.key_id: each.key for each in PyJWKSet(candidates).keys} if candidates else {}
    keys = {
        key_id: key
        for key_id, key in found.items()
        if key_id and isinstance(key, RSAPublicKey) and key.key_size >= MIN_KEY_BITS
    }
    if not keys:
        raise ValueError("The provider lists no key that we can use.")
    return keys
