"""Turn the code that a browser brings back from the provider into a user."""

import uuid
from collections.abc import Mapping
from typing import Any

import jwt
import requests
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest
from mozilla_django_oidc.auth import OIDCAuthenticationBackend

from apps.accounts.errors import ProviderUnavailable, SignInIncomplete
from apps.accounts.identities import identity_from_claims
from apps.accounts.models import User
from apps.accounts.oidc.provider import current_provider, provider_setting, signing_keys
from apps.accounts.selectors import user_of_session
from apps.accounts.services.users import account_of_identity

# How far the provider's clock may be from ours.
LEEWAY_SECONDS = 30


class ProviderBackend(OIDCAuthenticationBackend):  # type: ignore[misc]
    """Sign in by the claims of a verified ID token."""

    def __init__(self) -> None:
        # Not the parent's: it asks for the provider's addresses, and this object is made for
        # every request with a session.
        self.OIDC_RP_CLIENT_ID = settings.EASEL_OIDC_CLIENT_ID
        self.OIDC_RP_CLIENT_SECRET = settings.EASEL_OIDC_CLIENT_SECRET
        self.OIDC_RP_SIGN_ALGO = settings.OIDC_RP_SIGN_ALGO
        self.OIDC_RP_IDP_SIGN_KEY = None
        self.UserModel = User

    get_settings = staticmethod(provider_setting)

    @property
    def OIDC_OP_TOKEN_ENDPOINT(self) -> str:  # noqa: N802
        return current_provider().token_endpoint

    @property
    def OIDC_OP_USER_ENDPOINT(self) -> str | None:  # noqa: N802
        return current_provider().userinfo_endpoint

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        """Take part only in what the callback asks for: there are no passwords here."""
        if "nonce" not in credentials:
            return None
        user: User | None = super().authenticate(request, **credentials)
        return user

    def get_user(self, user_id: uuid.UUID) -> User | None:
        """Return the user of a session, unless it was blocked since."""
        return user_of_session(user_id=user_id)

    def get_token(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Exchange the code for tokens.

        Raises:
            SignInIncomplete: the code is used up or was never for us.
            ProviderUnavailable: anything else; it is not the user's doing.
        """
        if not payload["client_secret"]:
            del payload["client_secret"]
        try:
            tokens = dict(super().get_token(payload))
        except requests.HTTPError as error:
            if _error_code(error.response) == "invalid_grant":
                raise SignInIncomplete from error
            raise ProviderUnavailable from error
        except (requests.RequestException, ValueError, TypeError) as error:
            raise ProviderUnavailable from error
        if not isinstance(tokens.get("id_token"), str):
            raise ProviderUnavailable from ValueError("no ID token beside the access token")
        return tokens

    def retrieve_matching_jwk(self, token: str) -> jwt.PyJWK:
        """Return the key that signed `token`; one not seen before is asked for anew."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            for fresh in (False, True):
                for key in signing_keys(fresh=fresh):
                    if key.get("kid") == kid and key.get("use", "sig") == "sig":
                        return jwt.PyJWK(dict(key), algorithm=self.OIDC_RP_SIGN_ALGO)
        except jwt.PyJWTError as error:
            raise SuspiciousOperation("The ID token or its key cannot be read.") from error
        raise SuspiciousOperation("The ID token is signed with a key the provider does not have.")

    def _verify_jws(self, payload: str, key: Any) -> dict[str, Any]:
        """Check signature, issuer, audience and times; the parent checks the first alone."""
        issuer = str(settings.EASEL_OIDC_ISSUER).rstrip("/")
        try:
            claims: dict[str, Any] = jwt.decode(
                payload,
                key,
                algorithms=[self.OIDC_RP_SIGN_ALGO],
                audience=self.OIDC_RP_CLIENT_ID,
                issuer=[issuer, f"{issuer}/"],
                leeway=LEEWAY_SECONDS,
                options={"require": ["iss", "sub", "aud", "exp", "iat"]},
            )
        except jwt.PyJWTError as error:
            raise SuspiciousOperation("The ID token is not valid.") from error
        if claims.get("azp", self.OIDC_RP_CLIENT_ID) != self.OIDC_RP_CLIENT_ID:
            raise SuspiciousOperation("The ID token was issued to another client.")
        return claims

    def get_userinfo(
        self, access_token: str, id_token: str, payload: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the claims of the ID token, completed where it does not tell the address."""
        if "email" in payload or not self.OIDC_OP_USER_ENDPOINT:
            return dict(payload)
        try:
            told: dict[str, Any] = super().get_userinfo(access_token, id_token, payload)
        except (requests.RequestException, ValueError) as error:
            raise ProviderUnavailable from error
        # OpenID Connect Core 1.0, 5.3.2: else the answer could be about someone else.
        if told.get("sub") != payload["sub"]:
            raise SuspiciousOperation("The userinfo is about another subject.")
        return {**told, **payload}

    def get_or_create_user(
        self, access_token: str, id_token: str, payload: Mapping[str, Any]
    ) -> User:
        claims = self.get_userinfo(access_token, id_token, payload)
        identity = identity_from_claims(
            claims,
            groups_claim=settings.EASEL_OIDC_GROUPS_CLAIM,
            staff_group=settings.EASEL_OIDC_STAFF_GROUP,
        )
        return account_of_identity(identity=identity)


def _error_code(response: requests.Response | None) -> object:
    if response is None:
        return None
    try:
        body = response.json()
    except ValueError:
        return None
    return body.get("error") if isinstance(body, dict) else None
