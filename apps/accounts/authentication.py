"""Bearer tokens: our own API keys and tokens of the provider, for requests and for sockets."""

import structlog
from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from apps.accounts.bearer import bearer_token
from apps.accounts.credentials import Credential, key_credential, token_credential
from apps.accounts.key_secrets import KEY_PREFIX
from apps.accounts.models import User
from apps.accounts.provider_tokens import InvalidProviderToken, read_provider_token
from apps.accounts.selectors import enter_by_key, enter_by_subject
from apps.accounts.services.keys import note_use
from apps.core.errors import EaselError, InvalidToken


class BearerAuthentication(BaseAuthentication):
    """Authenticate by `Authorization: Bearer …`; where it is sent, no session counts."""

    def authenticate(self, request: Request) -> tuple[User, Credential] | None:
        token = bearer_token(request.headers.get("Authorization", ""))
        if token is None:
            return None
        try:
            return authenticate_token(token)
        except EaselError:
            # Nobody from here on: whoever asks for the user later must not make us try again.
            request.user = AnonymousUser()
            raise

    def authenticate_header(self, request: Request) -> str:
        del request
        return "Bearer"


def authenticate_token(token: str) -> tuple[User, Credential]:
    """Return whose `token` it is and what it may do; the transaction is that user's from here.

    Raises:
        InvalidToken: it is good for nothing. One message for all causes: only its owner, who
            sees the list of keys, is to know which.
        ProviderUnavailable: it is a token whose key we would have to ask for.
    """
    if not token.startswith(KEY_PREFIX) and token.count(".") == 2:
        return _user_of_provider_token(token)
    return _user_of_key(token)


def _user_of_key(secret: str) -> tuple[User, Credential]:
    key = enter_by_key(secret=secret)
    if key is None:
        raise InvalidToken(
            _("This API key is unknown, expired or revoked. Make a new one and use that.")
        )
    note_use(key=key)
    structlog.contextvars.bind_contextvars(api_key_id=str(key.id))
    return key.user, key_credential(key)


def _user_of_provider_token(token: str) -> tuple[User, Credential]:
    read = read_provider_token(token)
    user = enter_by_subject(subject=read.subject)
    if user is None:
        raise InvalidProviderToken
    return user, token_credential(expires_at=read.expires_at)
