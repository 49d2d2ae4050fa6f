"""Reads on requests about one's own data."""

import uuid
from collections.abc import Iterator

from django.apps import apps
from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts.models import User
from apps.core.errors import NotFound
from apps.core.models import OwnedModel, TenantModel
from apps.core.storage import file_store
from apps.privacy.models import DataRequest


def list_requests(*, user: User) -> QuerySet[DataRequest]:
    """List the requests of `user`, newest first."""
    return DataRequest.objects.filter(user=user).order_by("-created_at", "-id")


def get_request(*, user: User, request_id: uuid.UUID) -> DataRequest:
    """Return a request of `user`.

    Raises:
        NotFound: there is none of that id, or it is somebody else's.
    """
    found = list_requests(user=user).filter(id=request_id).first()
    if found is None:
        raise NotFound
    return found


def export_pieces(*, found: DataRequest) -> Iterator[bytes]:
    """Open the zip of a finished export and return it piece by piece.

    Raises:
        NotFound: there is none, or it has expired.
    """
    if not found.file_key or found.expires_at is None or found.expires_at <= timezone.now():
        raise NotFound
    try:
        return file_store.pieces(found.file_key)
    except FileNotFoundError as error:
        raise NotFound from error


def tenant_models() -> list[type[OwnedModel]]:
    """List every table with rows of tenants that this code has a model of.

    Those that also have rows of nobody come last: jobs refer to them.
    """
    found = [model for model in apps.get_models() if issubclass(model, OwnedModel)]
    return sorted(found, key=lambda model: not issubclass(model, TenantModel))


def user_prefix(user_id: uuid.UUID) -> str:
    """Return where the files of a user lie, but for the weights of models."""
    return f"users/{user_id}"


def user_prefixes(user_id: uuid.UUID) -> tuple[str, ...]:
    """Return every place where files of a user lie."""
    return (user_prefix(user_id), f"models/users/{user_id}")


def export_key(*, user_id: uuid.UUID, request_id: uuid.UUID) -> str:
    """Return the storage key of an export's zip."""
    return f"{user_prefix(user_id)}/exports/{request_id}.zip"
