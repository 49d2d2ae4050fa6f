"""Pictures that CloudFront serves: their addresses, and who may fetch them until when.

An address is the key in the store below `/images/` of the public address. Browsers fetch with
cookies that open their own user's pictures and nothing else; programs get the address of one
file. Pictures on shared boards stay with our own routes: what is withdrawn has to be gone at once.
"""

import uuid
from functools import lru_cache
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.request import Request

from apps.core.cloudfront import CloudFrontSigner, cloudfront_signer

_DAY_SECONDS = 24 * 3600


def end_of_tomorrow() -> int:
    """Return when rights that are given today end (epoch, UTC), so that they repeat for a day."""
    today = int(timezone.now().timestamp()) // _DAY_SECONDS
    return (today + 2) * _DAY_SECONDS


def is_served_to(request: HttpRequest | Request) -> bool:
    """Say whether a page may show pictures from CloudFront: only at the address it serves.

    Elsewhere, as at the admin's own host, neither cookies nor content policy would let it.
    """
    if cloudfront_signer() is None:
        return False
    return request.get_host() == urlsplit(settings.EASEL_PUBLIC_URL).netloc


def served_address(key: str) -> str:
    """Return where CloudFront serves the file of `key`."""
    return f"{settings.EASEL_PUBLIC_URL}/images/{key}"


def cookie_path(user_id: uuid.UUID) -> str:
    """Return below which path a browser shows the cookies of `user_id`."""
    return f"/images/users/{user_id}/"


def picture_cookies(signer: CloudFrontSigner, *, user_id: uuid.UUID, ends: int) -> dict[str, str]:
    """Return the cookies that open the pictures of `user_id` until `ends`.

    Of a user's other files, such as exports, they open nothing.
    """
    return _cookies(signer, served_address(f"users/{user_id}/images/*"), ends)


@lru_cache(maxsize=4096)
def _cookies(signer: CloudFrontSigner, resource: str, ends: int) -> dict[str, str]:
    return signer.cookies(resource, ends=ends)
