"""Keep the cookies by which a browser fetches its user's pictures from CloudFront."""

import uuid
from collections.abc import Callable
from typing import NamedTuple, Self

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from apps.accounts.bearer import bearer_token
from apps.accounts.models import User
from apps.accounts.sessions import session_user_id
from apps.core.cloudfront import COOKIES, CloudFrontSigner, cloudfront_signer
from apps.images.delivery import cookie_path, end_of_tomorrow, is_served_to, picture_cookies

# Says what a browser has: it shows the cookies themselves to CloudFront alone.
MARK_COOKIE = "picture_access"


class _Given(NamedTuple):
    """Cookies that a browser was given: whose, by which key, until when."""

    user_id: uuid.UUID
    key_pair_id: str
    ends: int

    @classmethod
    def of(cls, text: str) -> Self | None:
        user_id, _dot, rest = text.partition(".")
        key_pair_id, _dot, ends = rest.partition(".")
        if not (ends.isascii() and ends.isdigit() and len(ends) <= 12):
            return None
        try:
            return cls(uuid.UUID(user_id), key_pair_id, int(ends))
        except ValueError:
            return None

    @property
    def text(self) -> str:
        return f"{self.user_id}.{self.key_pair_id}.{self.ends}"


class PictureCookieMiddleware:
    """Give a browser its cookies at sign-in, anew each day and for a new key; take them back.

    They are taken back with whichever answer first finds that their user is not signed in.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if bearer_token(request.headers.get("Authorization", "")) is not None:
            return response
        signer = cloudfront_signer()
        if signer is not None and is_served_to(request):
            _bring_up_to_date(request, response, signer)
        return response


def _bring_up_to_date(
    request: HttpRequest, response: HttpResponseBase, signer: CloudFrontSigner
) -> None:
    given = _Given.of(request.COOKIES.get(MARK_COOKIE, ""))
    user_id = _signed_in(request)
    wanted = None
    if user_id is not None:
        wanted = _Given(user_id, signer.key_pair_id, end_of_tomorrow())
    if given == wanted:
        return
    if given is not None and given.user_id != user_id:
        _take_back(response, given.user_id)
    if wanted is not None:
        _give(response, signer, wanted)


def _signed_in(request: HttpRequest) -> uuid.UUID | None:
    if session_user_id(request.session) is None:
        return None
    user = request.user
    return user.pk if isinstance(user, User) and user.is_active else None


def _give(response: HttpResponseBase, signer: CloudFrontSigner, wanted: _Given) -> None:
    seconds = wanted.ends - int(timezone.now().timestamp())
    cookies = picture_cookies(signer, user_id=wanted.user_id, ends=wanted.ends)
    for name, value in cookies.items():
        _set(response, name, value, path=cookie_path(wanted.user_id), seconds=seconds)
    _set(response, MARK_COOKIE, wanted.text, path="/", seconds=seconds)


def _take_back(response: HttpResponseBase, user_id: uuid.UUID) -> None:
    for name in COOKIES:
        _set(response, name, "", path=cookie_path(user_id), seconds=0)
    _set(response, MARK_COOKIE, "", path="/", seconds=0)


def _set(response: HttpResponseBase, name: str, value: str, *, path: str, seconds: int) -> None:
    response.set_cookie(
        name, value, max_age=seconds, path=path, secure=True, httponly=True, samesite="Lax"
    )
