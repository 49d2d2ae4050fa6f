"""Look at finished pictures before anybody else does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from gpu_tasks.engine.errors import ModelUnavailable
from gpu_tasks.engine.libraries import PATCHING, diffusers, torch, transformers
from gpu_tasks.engine.memory import is_out_of_memory
from gpu_tasks.engine.model_files import find_weights
from gpu_tasks.engine.pictures.canvas import flatten


class SafetyChecker(Protocol):
    """What decides whether a picture may be shown."""

    def check(self, pictures: Sequence[Image.Image]) -> list[bool]:
        """Return for each picture whether it must not be shown."""


@dataclass(frozen=True, slots=True)
class ConceptSafetyChecker:
    """Compare pictures with the concepts of the safety checker of Stable Diffusion.

    A picture is refused that is nearer to a concept, as CLIP sees it, than the concept's threshold
    (arXiv:2210.04610 took it apart).
    """

    model: Any
    processor: Any

    def check(self, pictures: Sequence[Image.Image]) -> list[bool]:
        """Return for each picture whether it must not be shown; the pictures stay as they are."""
        if not pictures:
            return []
        inputs = self.processor(images=[flatten(one) for one in pictures], return_tensors="pt")
        # It blacks out what it is given as pictures, which is not to happen here.
        spare = [np.zeros(1) for _ in pictures]
        with torch.inference_mode():
            pixels = inputs["pixel_values"].to(self.model.device, self.model.dtype)
            _, refused = self.model(clip_input=pixels, images=spare)
        return [bool(one) for one in refused]


def load_safety_checker(path: Path, *, device: str | torch.device = "cpu") -> ConceptSafetyChecker:
    """Load the safety checker from a directory of its own, or from that of a whole model.

    In the latter it is in `safety_checker` and `feature_extractor`.

    Raises:
        ModelUnavailable: it is missing or damaged, or its weights are no safetensors.
    """
    whole = (path / "safety_checker").is_dir()
    weights, settings = (
        (path / "safety_checker", path / "feature_extractor") if whole else (path, path)
    )
    find_weights(weights, "model")
    try:
        with PATCHING:
            processor = transformers.CLIPImageProcessorPil.from_pretrained(  # nosec B615  # a local directory
                settings, local_files_only=True, trust_remote_code=False
            )
            checker = diffusers.pipelines.stable_diffusion.safety_checker
            model, info = checker.StableDiffusionSafetyChecker.from_pretrained(  # nosec B615
                weights,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                dtype=torch.float32,
                output_loading_info=True,
            )
    except Exception as error:
        # The libraries raise anything on a damaged file: OSError, ValueError, RuntimeError, …
        if is_out_of_memory(error):
            raise
        raise _damaged(f"cannot load {path}: {error}") from error
    if info["missing_keys"]:
        # They are random numbers now, and a checker of these refuses this and lets pass that.
        raise _damaged(f"{path} lacks {sorted(info['missing_keys'])}")
    return ConceptSafetyChecker(model=model.eval().to(device), processor=processor)


def _damaged(reason: str) -> ModelUnavailable:
    return ModelUnavailable("The safety checker's files are incomplete or damaged.", reason=reason)
