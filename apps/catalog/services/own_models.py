"""Change and delete models of one's own, and give them covers."""

from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import ProtectedError
from django.utils import timezone
from django.utils.crypto import get_random_string

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.catalog.selectors import get_own_model
from apps.core.audit import record_act
from apps.core.models import Act
from apps.core.storage import file_store

# What its user may say about a model; the rest follows from the weights.
EDITABLE = frozenset(
    {"name", "description", "tags", "trigger_words", "defaults", "is_enabled", "preprocessor"}
)


def edit_own_model(*, user: User, key: str, **changes: Any) -> GenerationModel:
    """Change what `user` says about a model; other names than those of `EDITABLE` change nothing.

    Raises:
        NotFound: `user` has no such model.
    """
    model = get_own_model(user=user, key=key)
    fields = sorted(changes.keys() & EDITABLE)
    for name in fields:
        setattr(model, name, changes[name])
    if fields:
        model.save(update_fields=fields)
    return model


def delete_own_model(*, user: User, key: str) -> None:
    """Delete a model with its files; where jobs name it, they still tell what it was.

    Raises:
        NotFound: `user` has no such model.
    """
    with transaction.atomic():
        model = get_own_model(user=user, key=key)
        keys = _file_keys(model)
        record_act(act=Act.MODEL_DELETED, user_id=user.id, actor_id=user.id, target=model.key)
        try:
            model.delete()
        except ProtectedError:
            GenerationModel.objects.filter(user=user, key=key).update(
                deleted_at=timezone.now(), is_enabled=False, files=[], cover_key=""
            )
        # What is forgotten here is swept away later (`installs.leftovers`).
        transaction.on_commit(lambda: file_store.delete_many(keys))


def set_cover(*, user: User, key: str, picture: bytes) -> GenerationModel:
    """Keep `picture`, a small WebP of ours, as the cover of a model.

    Raises:
        NotFound: `user` has no such model.
    """
    model = get_own_model(user=user, key=key)
    name = f"{model.location}/cover-{get_random_string(8)}.webp"
    return _change_cover(model, default_storage.save(name, ContentFile(picture)))


def remove_cover(*, user: User, key: str) -> None:
    """Take the cover of a model away, if it has one.

    Raises:
        NotFound: `user` has no such model.
    """
    _change_cover(get_own_model(user=user, key=key), "")


def _change_cover(model: GenerationModel, cover_key: str) -> GenerationModel:
    former = [model.cover_key] if model.cover_key else []
    model.cover_key = cover_key
    model.save(update_fields=["cover_key"])
    transaction.on_commit(lambda: file_store.delete_many(former))
    return model


def _file_keys(model: GenerationModel) -> list[str]:
    keys = [f"{model.location}/{file['path']}" for file in model.files]
    return [*keys, model.cover_key] if model.cover_key else keys
