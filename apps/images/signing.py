"""Addresses of picture files that carry their own right to be read, and end."""

import uuid

from django.core.signing import Signer
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare

_DAY_SECONDS = 24 * 3600
_signer = Signer(salt="apps.images.signing", sep="~")


def signed_address(*, user_id: uuid.UUID, image_name: uuid.UUID, variant: str) -> str:
    """Return where the file `variant` of a picture can be read without a session or a key.

    The end is rounded up to the end of tomorrow (UTC), so that an address repeats for a day and
    caches keep what they have.
    """
    today = int(timezone.now().timestamp()) // _DAY_SECONDS
    ends = (today + 2) * _DAY_SECONDS
    address = reverse("signed-file", args=[user_id, image_name, variant])
    return f"{address}?ends={ends}&signature={_sign(user_id, image_name, variant, ends)}"


def seconds_left(
    *, user_id: uuid.UUID, image_name: uuid.UUID, variant: str, ends: str, signature: str
) -> int:
    """Return how long a signed address is still good; 0 if it is not, or never was ours."""
    if not (ends.isascii() and ends.isdigit() and len(ends) <= 12):
        return 0
    expected = _sign(user_id, image_name, variant, int(ends))
    if not constant_time_compare(signature, expected):
        return 0
    return max(0, int(ends) - int(timezone.now().timestamp()))


def _sign(user_id: uuid.UUID, image_name: uuid.UUID, variant: str, ends: int) -> str:
    return _signer.signature(f"{user_id}/{image_name}/{variant}/{ends}")
