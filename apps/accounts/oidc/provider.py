"""What is known about the provider: its addresses and its keys, both cached."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import requests
from django.conf import settings
from django.core.cache import cache
from mozilla_django_oidc.utils import import_from_settings

from apps.accounts.errors import ProviderUnavailable

CACHE_SECONDS = 3600
NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """The addresses of the provider."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    end_session_endpoint: str | None


def current_provider(*, fresh: bool = False) -> Provider:
    """Return the addresses that are set, and for the others those of the discovery document.

    The document is taken from the cache unless `fresh`.

    Raises:
        ProviderUnavailable: the document is needed and cannot be had.
    """
    known: dict[str, str] = {
        name: address for name, address in settings.EASEL_OIDC_ENDPOINTS.items() if address
    }
    if any(name not in known for name in NEEDED):
        known = {**_discovery_document(str(settings.EASEL_OIDC_ISSUER), fresh=fresh), **known}
    return Provider(
        **{name: known[name] for name in NEEDED},
        userinfo_endpoint=known.get("userinfo_endpoint"),
        end_session_endpoint=known.get("end_session_endpoint"),
    )


def signing_keys(*, fresh: bool = False) -> Sequence[Mapping[str, Any]]:
    """Return the provider's public keys as JWKs, past the cache if `fresh`.

    Raises:
        ProviderUnavailable: the provider does not give them.
    """
    address = current_provider().jwks_uri
    document = _fetch(address, fresh=fresh)
    keys = document.get("keys")
    if not isinstance(keys, list):
        raise ProviderUnavailable from ValueError(f"no keys at {address}")
    return keys


def provider_setting(name: str, *default: Any) -> Any:
    """Answer what mozilla-django-oidc asks its settings for."""
    if name == "OIDC_RP_CLIENT_ID":
        return settings.EASEL_OIDC_CLIENT_ID
    if name == "OIDC_RP_CLIENT_SECRET":
        return settings.EASEL_OIDC_CLIENT_SECRET
    return import_from_settings(name, *default)


def _discovery_document(issuer: str, *, fresh: bool) -> dict[str, Any]:
    address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    document = _fetch(address, fresh=fresh)
    # OpenID Connect Discovery 1.0, 4.3: else one provider could speak for another.
    if str(document.get("issuer", "")).rstrip("/") != issuer.rstrip("/"):
        raise ProviderUnavailable from ValueError(f"the document of {issuer} names another issuer")
    if any(name not in document for name in NEEDED):
        raise ProviderUnavailable from ValueError(f"the document of {issuer} is incomplete")
    return document


def _fetch(address: str, *, fresh: bool = False) -> dict[str, Any]:
    key = f"oidc:{hashlib.sha256(address.encode()).hexdigest()}"
    if not fresh and (document := cache.get(key)) is not None:
        return cast("dict[str, Any]", document)
    try:
        response = requests.get(address, timeout=settings.OIDC_TIMEOUT)
        response.raise_for_status()
        document = response.json()
    except (requests.RequestException, ValueError) as error:
        raise ProviderUnavailable from error
    if not isinstance(document, dict):
        raise ProviderUnavailable from ValueError(f"no JSON object at {address}")
    cache.set(key, document, timeout=CACHE_SECONDS)
    return document
