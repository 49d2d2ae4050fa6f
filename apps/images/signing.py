"""Addresses of picture files that carry their own right to be read, and end."""

import uuid

from django.core.signing import BadSignature, Signer
from django.urls import reverse
from django.utils import timezone

from apps.images.delivery import end_of_tomorrow


def signed_address(*, user_id: uuid.UUID, image_name: uuid.UUID, variant: str) -> str:
    """Return where the file `variant` of a picture can be read without a session or a key.

    The end is rounded up to the end of tomorrow (UTC), so that an address repeats for a day and
    caches keep what they have.
    """
    ends = end_of_tomorrow()
    address = reverse("signed-file", args=[user_id, image_name, variant])
    signature = _signer().signature(_subject(user_id, image_name, variant, ends))
    return f"{address}?ends={ends}&signature={signature}"


def seconds_left(
    *, user_id: uuid.UUID, image_name: uuid.UUID, variant: str, ends: str, signature: str
) -> int:
    """Return how long a signed address is still good; 0 if it is not, or never was ours."""
    if not (ends.isascii() and ends.isdigit() and len(ends) <= 12):
        return 0
    subject = _subject(user_id, image_name, variant, int(ends))
    try:
        _signer().unsign(f"{subject}~{signature}")
    except BadSignature:
        return 0
    return max(0, int(ends) - int(timezone.now().timestamp()))


def _signer() -> Signer:
    # Also takes what a former key has signed, while that is among the fallbacks.
    return Signer(salt="apps.images.signing", sep="~")


def _subject(user_id: uuid.UUID, image_name: uuid.UUID, variant: str, ends: int) -> str:
    return f"{user_id}/{image_name}/{variant}/{ends}"
