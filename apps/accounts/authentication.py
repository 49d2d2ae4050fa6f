"""Bearer tokens: our own API keys and tokens of the provider, for requests and for sockets."""

import structlog
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from apps.accounts.credentials import Credential, key_credential, token_credential
from apps.accounts.key_secrets import KEY_PREFIX
from apps.accounts.models import User
from apps.accounts.provider_tokens import InvalidProviderToken, read_provider_token
from apps.accounts.selectors import (
    find_active_user,
    find_key,
    user_id_of_key,
    user_id_of_subject,
)
from apps.accounts.services.keys import note_use
from apps.core.errors import InvalidToken


class BearerAuthentication(BaseAuthentication):
    """Authenticate by `Authorization: Bearer …`; where it is sent, no session counts."""

    def authenticate(self, request: Request) -> tuple[User, Credential] | None:
        token = bearer_token(request.headers.get("Authorization", ""))
        return None if token is None else authenticate_token(token)

    def authenticate_header(self, request: Request) -> str:
        del request
        return "Bearer"


def bearer_token(authorization: str) -> str | None:
    """Return the token in an `Authorization` header, or None if it is of another scheme."""
    scheme, _space, token = authorization.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def authenticate_token(token: str) -> tuple[User, Credential]:
    """Return whose `token` it is and what it may do.

    Raises:
        InvalidToken: it is good for nothing. One message for all causes: only its owner, who
            sees the list of keys, is to know which.
        ProviderUnavailable: it is a token whose key we would have to ask for.
    """
    if not token.startswith(KEY_PREFIX) and token.count(".") == 2:
        return _user_of_provider_token(token)
    return _user_of_key(token)


def _user_of_key(secret: str) -> tuple[User, Credential]:
    user_id = user_id_of_key(secret=secret)
    key = find_key(user_id=user_id, secret=secret) if user_id is not None else None
    if key is None:
        raise InvalidToken(
            _("This API key is unknown, expired or revoked. Make a new one and use that.")
        )
    note_use(key=key)
    structlog.contextvars.bind_contextvars(api_key_id=str(key.id))
    return key.user, key_credential(key)


def _user_of_provider_token(token: str) -> tuple[User, Credential]:
    read = read_provider_token(token)
    user_id = user_id_of_subject(subject=read.subject)
    user = find_active_user(user_id=user_id) if user_id is not None else None
    if user is None:
        raise InvalidProviderToken
    return user, token_credential(expires_at=read.expires_at)
