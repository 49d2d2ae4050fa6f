"""Make entries of the catalog, with what a test does not care about filled in."""

import hashlib
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from apps.accounts.models import User
from apps.catalog.fingerprints import ModelFile, fingerprint_of
from apps.catalog.models import GenerationModel, ModelKind, new_own_key
from apps.catalog.storage import model_folder


def make_model(user: User | None = None, **facts: Any) -> GenerationModel:
    """Enter a model of SD 1.5: a LoRA unless another kind is asked for."""
    key = new_own_key() if user is not None else "shared-one"
    known: dict[str, Any] = {
        "key": key,
        "user": user,
        "kind": ModelKind.LORA,
        "name": "A model",
        "base": "sd-1.5-class",
        "location": f"nowhere/{key}",
        "commercial_use": True,
    }
    return GenerationModel.objects.create(**known | facts)


def store_model(files: dict[str, bytes], user: User | None = None, **facts: Any) -> GenerationModel:
    """Enter a model whose `files` lie in the file store."""
    key = str(facts.pop("key", new_own_key()))
    folder = model_folder(user_id=None if user is None else user.id, base="sd-1.5-class", key=key)
    for path, content in files.items():
        default_storage.save(f"{folder}/{path}", ContentFile(content))
    found = fingerprint_of(
        ModelFile(path, len(content), hashlib.sha256(content).hexdigest())
        for path, content in files.items()
    )
    return make_model(
        user,
        key=key,
        location=folder,
        files=found.files_json(),
        sha256=found.sha256,
        size_bytes=found.size_bytes,
        **facts,
    )
