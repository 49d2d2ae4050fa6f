"""Reads on the catalog."""

import uuid
from collections.abc import Collection

from django.db.models import Case, F, Q, QuerySet, Sum, Value, When
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.catalog.models import (
    OPEN_INSTALLS,
    GenerationModel,
    InstallSource,
    ModelInstall,
    ModelKind,
)
from apps.core.errors import Invalid, NotFound
from apps.core.storage import file_store
from gpu_tasks.providers.facts import PROVIDER_FACTS


def list_models(*, user: User, kind: ModelKind = ModelKind.MAIN) -> QuerySet[GenerationModel]:
    """List the models of a kind that `user` can use, the shared and the default one first.

    Plans and licences decide about using them.
    """
    return list_catalog(user=user).filter(kind=kind, is_enabled=True)


def list_catalog(*, user: User, base: str = "", words: str = "") -> QuerySet[GenerationModel]:
    """List what `user` can see of every kind, the shared first; one's own also when switched off.

    Each of `words` is looked for in names, tags and trigger words.
    """
    own = Q(user=user)
    shared = Q(user=None, is_enabled=True)
    found = GenerationModel.objects.filter(own | shared, deleted_at=None)
    if base:
        found = found.filter(base=base)
    for word in words.split():
        found = found.filter(
            Q(name__icontains=word)
            | Q(tags__icontains=word)
            | Q(trigger_words__icontains=word)
            | Q(description__icontains=word)
        )
    # Without a choice of its user nothing is made at others' prices: their models come last.
    is_provided = Case(When(base__in=list(PROVIDER_FACTS), then=Value(1)), default=Value(0))
    return found.order_by(F("user").asc(nulls_first=True), is_provided, "created_at", "key")


def get_catalog_model(*, user: User, key: str) -> GenerationModel:
    """Return what `user` can see under `key`.

    Raises:
        NotFound: nothing, or somebody else's.
    """
    model = list_catalog(user=user).filter(key=key).first()
    if model is None:
        raise NotFound
    return model


def get_own_model(*, user: User, key: str) -> GenerationModel:
    """Return a model that `user` may change.

    Raises:
        NotFound: there is none of that key, it is shared, or it is somebody else's.
    """
    model = GenerationModel.objects.filter(user=user, key=key, deleted_at=None).first()
    if model is None:
        raise NotFound
    return model


def read_cover(*, user: User, key: str) -> bytes:
    """Return the cover of a model that `user` can see, as WebP.

    Raises:
        NotFound: there is no such model, or it has none.
    """
    model = get_catalog_model(user=user, key=key)
    if not model.cover_key:
        raise NotFound
    try:
        return b"".join(file_store.pieces(model.cover_key))
    except FileNotFoundError as error:
        raise NotFound from error


def names_of_models(*, keys: Collection[str]) -> dict[str, str]:
    """Return the names of some models, also of those taken away; one query, or none."""
    if not keys:
        return {}
    return dict(GenerationModel.objects.filter(key__in=keys).values_list("key", "name"))


def get_model(*, user: User, key: str | None, kind: ModelKind = ModelKind.MAIN) -> GenerationModel:
    """Return the model `key` of a kind, or the default one for `None`.

    Raises:
        Invalid: there is no such model for `user`.
    """
    models = list_models(user=user, kind=kind)
    model = models.filter(key=key).first() if key is not None else models.first()
    if model is None:
        raise Invalid(
            fields={"model": [_("There is no such model; GET /api/v1/models lists all.")]}
        )
    return model


def list_local_models(*, user: User) -> QuerySet[GenerationModel]:
    """List those of `list_models` that run on our own GPUs, the default one first."""
    return list_models(user=user).exclude(base__in=list(PROVIDER_FACTS))


def own_model_count(*, user_id: uuid.UUID) -> int:
    """Return how many models of their own a user has."""
    return GenerationModel.objects.filter(user=user_id, deleted_at=None).count()


def model_bytes(*, user_id: uuid.UUID) -> int:
    """Return the bytes that a user's own models take."""
    own = GenerationModel.objects.filter(user=user_id, deleted_at=None)
    size: int = own.aggregate(size=Sum("size_bytes", default=0))["size"]
    return size


def announced_bytes(*, user: User) -> int:
    """Return the bytes of the uploads of `user` that have not ended, those to come included."""
    uploads = list_installs(user=user).filter(
        source_kind=InstallSource.UPLOAD, status__in=sorted(OPEN_INSTALLS)
    )
    size: int = uploads.aggregate(size=Sum("total_bytes", default=0))["size"]
    return size


def list_installs(*, user: User) -> QuerySet[ModelInstall]:
    """List the installs of `user`, newest first."""
    return ModelInstall.objects.filter(user=user).order_by("-created_at", "-id")


def get_install(*, user: User, install_id: uuid.UUID) -> ModelInstall:
    """Return an install of `user`.

    Raises:
        NotFound: there is none of that id, or it is somebody else's.
    """
    install = list_installs(user=user).filter(id=install_id).first()
    if install is None:
        raise NotFound
    return install
