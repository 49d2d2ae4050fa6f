"""Depth models: how near the things in a picture are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu_tasks.engine.errors import ModelUnavailable, OutOfMemory
from gpu_tasks.engine.libraries import PATCHING, torch, transformers
from gpu_tasks.engine.memory import is_out_of_memory
from gpu_tasks.engine.model_files import find_weights, read_json
from gpu_tasks.engine.pictures.canvas import flatten

# By what config.json calls them.
_CLASSES: Final = {
    "depth_anything": "DepthAnythingForDepthEstimation",
    "dpt": "DPTForDepthEstimation",
}
# Pixels of the longer side that a model is shown; those in use are trained with 384 to 518.
_MAX_MODEL_SIDE: Final = 1536
# They keep the shape of a picture, and of a strip nothing would be left on the shorter side.
_MOST_ASPECT: Final = 4


@dataclass(frozen=True, slots=True)
class LoadedDepthEstimator:
    """A depth model with what prepares pictures for it."""

    model: Any
    processor: Any

    def estimate(self, picture: Image.Image) -> NDArray[np.float32]:
        """Return nearness for each pixel, shape (height, width), in the model's unit.

        Raises:
            OutOfMemory: the device has no room for it.
        """
        flat = flatten(picture).resize(_model_size(picture.size), Image.Resampling.LANCZOS)
        inputs = self.processor(images=flat, return_tensors="pt")
        try:
            with torch.inference_mode():
                pixels = inputs["pixel_values"].to(self.model.device, self.model.dtype)
                depth = self.model(pixel_values=pixels).predicted_depth
                whole = torch.nn.functional.interpolate(
                    depth[:, None].float(),
                    size=(picture.height, picture.width),
                    mode="bicubic",
                    align_corners=False,
                )
        except Exception as error:
            if is_out_of_memory(error):
                raise OutOfMemory("There is not enough memory for the depth model.") from error
            raise
        nearness: NDArray[np.float32] = whole[0, 0].cpu().numpy()
        return nearness


def load_depth_estimator(path: Path, *, device: str | torch.device = "cpu") -> LoadedDepthEstimator:
    """Load a Depth Anything or DPT model from its directory, from safetensors alone.

    Raises:
        ModelUnavailable: it is missing, damaged, or another kind of model.
    """
    kind = read_json(path / "config.json").get("model_type")
    if kind not in _CLASSES:
        raise ModelUnavailable(
            "This model does not estimate depth.", reason=f"{path} is of type {kind!r}"
        )
    find_weights(path, "model")
    try:
        with PATCHING:
            processor = transformers.DPTImageProcessorPil.from_pretrained(  # nosec B615  # a local directory
                path, local_files_only=True, trust_remote_code=False
            )
            model, info = getattr(transformers, _CLASSES[kind]).from_pretrained(
                path,
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
        # They are random numbers now.
        raise _damaged(f"{path} lacks {sorted(info['missing_keys'])}")
    return LoadedDepthEstimator(model=model.eval().to(device), processor=processor)


def _model_size(size: tuple[int, int]) -> tuple[int, int]:
    longer = max(size)
    scale = min(1.0, _MAX_MODEL_SIDE / longer)
    width, height = (round(max(side, longer / _MOST_ASPECT) * scale) for side in size)
    return max(width, 1), max(height, 1)


def _damaged(reason: str) -> ModelUnavailable:
    return ModelUnavailable("The model's files are incomplete or damaged.", reason=reason)
