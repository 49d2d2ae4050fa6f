"""Check tokens (JWT) that the sign-in provider issued to our own client."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from apps.accounts.provider_keys import ALGORITHM, provider_keys
from apps.core.errors import InvalidToken

# Seconds that the clocks of two machines may differ.
LEEWAY = 30
MAX_LENGTH = 8192
_REQUIRED = ["iss", "sub", "exp", "iat", "token_use"]


class InvalidProviderToken(InvalidToken):
    detail = _("This token is not valid here, or no longer. Sign in again to get a new one.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderToken:
    """What a good token says: who, and until when."""

    subject: str
    expires_at: datetime


def read_provider_token(token: str) -> ProviderToken:
    """Check `token` and return what it says.

    Taken are access tokens and id tokens of our client, as Cognito issues them: the former name
    the client in `client_id` and have no audience, the latter name it in `aud`.

    Raises:
        InvalidProviderToken: anything about it is wrong, or no provider is configured.
        ProviderUnavailable: its key is not known, and the provider does not answer.
    """
    issuer: str | None = settings.EASEL_OIDC_ISSUER
    client_id: str | None = settings.EASEL_OIDC_CLIENT_ID
    if not issuer or not client_id or len(token) > MAX_LENGTH:
        raise InvalidProviderToken
    try:
        claims = _checked_claims(token, issuer=issuer)
    except jwt.PyJWTError as error:
        raise InvalidProviderToken from error
    if not _is_for_client(claims, client_id):
        raise InvalidProviderToken
    return ProviderToken(
        subject=claims["sub"], expires_at=datetime.fromtimestamp(int(claims["exp"]), UTC)
    )


def _checked_claims(token: str, *, issuer: str) -> dict[str, Any]:
    header = jwt.get_unverified_header(token)
    # Before the key is looked for: a token that cannot be good must not make us ask for keys.
    if header.get("alg") != ALGORITHM or not header.get("kid"):
        raise InvalidProviderToken
    key = provider_keys(issuer, settings.EASEL_OIDC_ENDPOINTS["jwks_uri"]).find(header["kid"])
    if key is None:
        raise InvalidProviderToken
    return jwt.decode(
        token,
        key,
        # Ours, never the token's: with the public key as an HMAC secret anybody could sign.
        algorithms=[ALGORITHM],
        issuer=issuer,
        leeway=LEEWAY,
        options={"require": _REQUIRED, "verify_aud": False},
    )


def _is_for_client(claims: dict[str, Any], client_id: str) -> bool:
    match claims["token_use"]:
        case "access":
            return bool(claims.get("client_id") == client_id)
        case "id":
            return bool(claims.get("aud") in (client_id, [client_id]))
        case _:
            return False
