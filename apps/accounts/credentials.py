"""What a request or a socket proves who it is with, and what that may do."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from apps.accounts.models import ALL_SCOPES, ApiKey, Scope, User


class CredentialKind(StrEnum):
    """The ways to prove who one is."""

    SESSION = "session"
    API_KEY = "api_key"
    PROVIDER_TOKEN = "provider_token"  # noqa: S105 (a kind)  # nosec B105


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A credential that was found good; `expires_at` is when it ends by itself."""

    kind: CredentialKind
    scopes: frozenset[Scope]
    api_key: ApiKey | None = None
    expires_at: datetime | None = None


SESSION = Credential(kind=CredentialKind.SESSION, scopes=ALL_SCOPES)


def key_credential(key: ApiKey) -> Credential:
    """Return what the holder of `key` may do."""
    return Credential(
        kind=CredentialKind.API_KEY,
        scopes=frozenset(Scope(scope) for scope in key.scopes),
        api_key=key,
        expires_at=key.expires_at,
    )


def token_credential(*, expires_at: datetime) -> Credential:
    """Return what a token of the provider may do: what its user may, until it ends."""
    return Credential(kind=CredentialKind.PROVIDER_TOKEN, scopes=ALL_SCOPES, expires_at=expires_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who opened a socket and with what; the key of the session if it was one."""

    user: User
    credential: Credential
    session_key: str | None = None
