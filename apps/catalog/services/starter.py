"""Enter what ships with Easel."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.catalog.fingerprints import fingerprint_of_directory
from apps.catalog.models import GenerationModel

STARTER_LOCATION = "starter_model"
# What the project trains beside it; each is entered where its directory is.
COMPANIONS = ("starter_controlnet",)


def install_starter_model() -> GenerationModel:
    """Enter the model that ships with Easel and what belongs to it, or bring them up to date.

    Raises:
        FileNotFoundError: the directory or its `easel.json` is missing.
    """
    model = _enter(STARTER_LOCATION)
    for location in COMPANIONS:
        if (settings.EASEL_MODELS_ROOT / location / "easel.json").is_file():
            _enter(location)
    return model


def _enter(location: str) -> GenerationModel:
    directory: Path = settings.EASEL_MODELS_ROOT / location
    facts: dict[str, Any] = json.loads((directory / "easel.json").read_text(encoding="utf-8"))
    key = facts.pop("key")
    names = {field.name for field in GenerationModel._meta.concrete_fields} - {"user"}
    fingerprint = fingerprint_of_directory(directory)
    model, _created = GenerationModel.objects.update_or_create(
        key=key,
        defaults={name: value for name, value in facts.items() if name in names}
        | {
            "location": location,
            "source": "easel",
            "sha256": fingerprint.sha256,
            "size_bytes": fingerprint.size_bytes,
            "files": fingerprint.files_json(),
        },
    )
    return model
