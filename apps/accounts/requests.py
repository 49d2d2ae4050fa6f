"""What a request says about who makes it, and with what."""

from django.http import HttpRequest
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

from apps.accounts.credentials import SESSION, Credential
from apps.accounts.models import User


def signed_in_user(request: HttpRequest | Request) -> User:
    """Return the user of `request`.

    Raises:
        NotAuthenticated: nobody is signed in.
    """
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


def origin_of(request: HttpRequest) -> str:
    """Return scheme and host of `request`, for links in mails; the host is an allowed one."""
    return request.build_absolute_uri("/").rstrip("/")


def credential_of(request: Request) -> Credential:
    """Return what the user of `request` proved to be with: a key, a token or else the session."""
    return request.auth if isinstance(request.auth, Credential) else SESSION
