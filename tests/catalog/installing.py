"""Ask for installs, make them, and be a hub."""

import hashlib
import json
from pathlib import Path
from typing import Any

from django.core.files.storage import default_storage

from apps.accounts.models import User
from apps.catalog.installs.making import make_installs
from apps.catalog.installs.requests import request_install
from apps.catalog.models import GenerationModel, InstallStatus, ModelInstall
from tests.catalog.file_server import FileServer
from tests.catalog.weights import (
    LORA_OF_SD_15,
    weights,
)

LORA = weights(LORA_OF_SD_15, {"modelspec.title": "Ink drawing", "filler": "x" * 600_000})
CONFIGURATIONS = {
    "model_index.json": b'{"_class_name": "StableDiffusionPipeline"}',
    "scheduler/scheduler_config.json": b'{"prediction_type": "epsilon"}',
    "tokenizer/vocab.json": b"{}",
    "unet/config.json": b"{}",
    "unet/diffusion_pytorch_model.safetensors": weights({"a": (7,)}),
}
DIGEST = hashlib.sha256(LORA).hexdigest()


def stored_models() -> set[str]:
    root = Path(default_storage.location)  # type: ignore[attr-defined]
    return {
        path.relative_to(root).as_posix() for path in (root / "models").rglob("*") if path.is_file()
    }


def ask(user: User, source: str, **facts: Any) -> ModelInstall:
    wanted = facts.pop("wanted", {})
    return request_install(user=user, source=source, wanted=wanted, **facts)


def made(install: ModelInstall) -> ModelInstall:
    make_installs()
    install.refresh_from_db()
    return install


def refused(install: ModelInstall) -> str:
    """Return why an install came to nothing; what it left would be an error."""
    found = made(install)
    assert found.status == InstallStatus.FAILED, found.detail
    assert not GenerationModel.objects.filter(source=install.source).exists()
    assert stored_models() == set()
    return found.detail


def publish(
    server: FileServer, files: dict[str, bytes], *, repository: str = "some/one", **card: Any
) -> None:
    """Have the server be a hub with a repository of these files."""
    listing = {
        "sha": "abc123",
        "cardData": card,
        "siblings": [
            {
                "rfilename": path,
                "size": len(content),
                "lfs": {"sha256": hashlib.sha256(content).hexdigest()},
            }
            for path, content in files.items()
        ],
    }
    server.files[f"/api/models/{repository}/revision/main"] = json.dumps(listing).encode()
    for path, content in files.items():
        server.files[f"/{repository}/resolve/abc123/{path}"] = content
