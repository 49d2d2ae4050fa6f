"""Writes on the catalog."""

import json
from pathlib import Path

from django.conf import settings

from apps.catalog.models import GenerationModel

STARTER_LOCATION = "starter_model"


def install_starter_model() -> GenerationModel:
    """Enter the model that ships with Easel, or bring its entry up to date.

    Raises:
        FileNotFoundError: the directory or its `easel.json` is missing.
    """
    directory: Path = settings.EASEL_MODELS_ROOT / STARTER_LOCATION
    facts = json.loads((directory / "easel.json").read_text(encoding="utf-8"))
    key = facts.pop("key")
    names = {field.name for field in GenerationModel._meta.get_fields()}
    model, _created = GenerationModel.objects.update_or_create(
        key=key,
        defaults={name: value for name, value in facts.items() if name in names}
        | {"location": STARTER_LOCATION},
    )
    return model
