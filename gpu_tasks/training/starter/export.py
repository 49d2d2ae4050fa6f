"""Assembly of the trained parts into a directory that any Stable Diffusion 1.5 program loads."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Final

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from gpu_tasks.training.starter.catalog import describe_model
from gpu_tasks.training.starter.denoiser import build_scheduler
from gpu_tasks.training.starter.preview import PreviewMap
from gpu_tasks.training.starter.tokenizer import build_tokenizer

SIZE_LIMIT: Final = 24_000_000


def measure_directory(*, directory: Path) -> int:
    """Return the size of all files below a directory in bytes."""
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def write_json(*, path: Path, content: object) -> None:
    """Write readable JSON that ends with a newline."""
    text = json.dumps(content, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def store_text_as_float32(*, directory: Path) -> None:
    """Make the text encoder load as float32 by default, like the other parts."""
    path = directory / "text_encoder" / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["dtype"] = "float32"
    write_json(path=path, content=config)


def export_model(
    *,
    target: Path,
    autoencoder: AutoencoderKL,
    denoiser: UNet2DConditionModel,
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    preview: PreviewMap,
) -> int:
    """Write the model directory beside its target and swap it in; return its size in bytes.

    Weights are rounded to float16. A model card already at the target is carried over.
    """
    pipeline = StableDiffusionPipeline(
        vae=autoencoder.to(torch.float16),
        text_encoder=text_encoder.to(torch.float16),
        tokenizer=tokenizer,
        unet=denoiser.to(torch.float16),
        scheduler=build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".starter_model_") as folder:
        fresh = Path(folder) / "fresh"
        pipeline.save_pretrained(fresh, safe_serialization=True)
        store_text_as_float32(directory=fresh)
        build_tokenizer(directory=fresh / "tokenizer")
        for path in fresh.rglob("*.safetensors"):
            path.chmod(0o644)
        write_json(path=fresh / "preview.json", content=preview)
        write_json(path=fresh / "easel.json", content=describe_model())
        card = target / "README.md"
        if card.exists():
            shutil.copy(card, fresh / "README.md")
        size = measure_directory(directory=fresh)
        if size > SIZE_LIMIT:
            raise ValueError(f"The model takes {size} bytes; the limit is {SIZE_LIMIT}.")
        if target.exists():
            target.rename(Path(folder) / "old")
        fresh.rename(target)
    return size
