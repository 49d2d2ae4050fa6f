"""Where whoever asks finds the files of pictures: one place for pages, programs and templates."""

import uuid
from typing import Protocol

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from rest_framework.request import Request

from apps.accounts.credentials import CredentialKind
from apps.accounts.requests import credential_of
from apps.images.delivery import is_served_to, served_address
from apps.images.selectors import FULL
from apps.images.signing import signed_address
from apps.images.storage import image_key, thumbnail_key


class PictureAddresses(Protocol):
    """The addresses of one way to fetch files; `kind` names it."""

    kind: str

    def full(self, *, user_id: uuid.UUID, image_name: uuid.UUID) -> str:
        """Return where the PNG is."""

    def thumbnail(self, *, user_id: uuid.UUID, image_name: uuid.UUID, size: int) -> str:
        """Return where the WebP of at most `size` pixels a side is."""


class OwnRoutes:
    """Stable addresses of ours, to which the session is shown."""

    kind = "plain"

    @cached_property
    def _list_url(self) -> str:
        return reverse("images")

    def full(self, *, user_id: uuid.UUID, image_name: uuid.UUID) -> str:
        del user_id
        return f"{self._list_url}/{image_name}/full"

    def thumbnail(self, *, user_id: uuid.UUID, image_name: uuid.UUID, size: int) -> str:
        del user_id
        return f"{self._list_url}/{image_name}/thumbnails/{size}"


class SignedRoutes:
    """Addresses of ours that carry their right, each to one file; they end."""

    kind = "signed"

    def full(self, *, user_id: uuid.UUID, image_name: uuid.UUID) -> str:
        return signed_address(user_id=user_id, image_name=image_name, variant=FULL)

    def thumbnail(self, *, user_id: uuid.UUID, image_name: uuid.UUID, size: int) -> str:
        return signed_address(user_id=user_id, image_name=image_name, variant=str(size))


class ServedFiles:
    """Stable addresses of CloudFront, to which the cookies of `reader` are shown."""

    kind = "served"

    def __init__(self, reader: uuid.UUID) -> None:
        self._reader = reader
        self._others = OwnRoutes()

    def full(self, *, user_id: uuid.UUID, image_name: uuid.UUID) -> str:
        if user_id != self._reader:
            return self._others.full(user_id=user_id, image_name=image_name)
        return served_address(image_key(user_id=user_id, image_name=image_name))

    def thumbnail(self, *, user_id: uuid.UUID, image_name: uuid.UUID, size: int) -> str:
        if user_id != self._reader:
            return self._others.thumbnail(user_id=user_id, image_name=image_name, size=size)
        return served_address(thumbnail_key(user_id=user_id, image_name=image_name, size=size))


def addresses_for(request: HttpRequest | Request | None) -> PictureAddresses:
    """Return the way in which the asker of `request` fetches files; without one, by a session."""
    if request is None:
        return OwnRoutes()
    if isinstance(request, Request) and credential_of(request).kind != CredentialKind.SESSION:
        return SignedRoutes()
    reader = getattr(request, "user", None)
    if reader is None or not reader.is_authenticated or not is_served_to(request):
        return OwnRoutes()
    return ServedFiles(reader.pk)
