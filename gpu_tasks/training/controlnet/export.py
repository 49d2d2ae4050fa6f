"""The trained ControlNet as a directory that diffusers loads unchanged."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Final

import torch
from diffusers import ControlNetModel

from gpu_tasks.training.controlnet.catalog import describe_controlnet
from gpu_tasks.training.starter.export import write_json

WEIGHTS_NAME: Final = "diffusion_pytorch_model.safetensors"
WEIGHTS_LIMIT: Final = 8_000_000


def export_controlnet(*, controlnet: ControlNetModel, target: Path) -> int:
    """Write the directory beside its target and swap it in; return its weights' size in bytes.

    Weights are rounded to float16. A model card already at the target is carried over.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".starter_controlnet_") as folder:
        fresh = Path(folder) / "fresh"
        controlnet.to(torch.float16).save_pretrained(fresh, safe_serialization=True)
        weights = fresh / WEIGHTS_NAME
        weights.chmod(0o644)
        write_json(path=fresh / "easel.json", content=describe_controlnet())
        card = target / "README.md"
        if card.exists():
            shutil.copy(card, fresh / "README.md")
        size = weights.stat().st_size
        if size > WEIGHTS_LIMIT:
            raise ValueError(f"The weights take {size} bytes; the limit is {WEIGHTS_LIMIT}.")
        if target.exists():
            target.rename(Path(folder) / "old")
        fresh.rename(target)
    return size
