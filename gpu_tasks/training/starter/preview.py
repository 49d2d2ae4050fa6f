"""The linear map from latents to colours that previews a picture during its denoising."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


class PreviewMap(TypedDict):
    """Hold the map: RGB in [0, 1] = latents · factors + bias, for latents of unit variance."""

    latent_rgb_factors: list[list[float]]
    latent_rgb_bias: list[float]


def fit_preview(*, latents: Tensor, pictures: Tensor) -> PreviewMap:
    """Fit the map by least squares over all cells.

    Latents are (n, 4, h, w), pictures (n, 3, 8·h, 8·w) in [0, 1]; each cell's colour is the
    mean of its 8×8 pixels.
    """
    colors = functional.avg_pool2d(pictures, 8).permute(0, 2, 3, 1).reshape(-1, 3)
    cells = latents.permute(0, 2, 3, 1).reshape(-1, latents.shape[1])
    known = torch.cat([cells, torch.ones(len(cells), 1)], dim=1).double().numpy()
    solution = np.linalg.lstsq(known, colors.double().numpy(), rcond=None)[0]
    rows: list[list[float]] = [[round(float(value), 5) for value in row] for row in solution]
    return {"latent_rgb_factors": rows[:-1], "latent_rgb_bias": rows[-1]}


def apply_preview(*, latents: Tensor, preview: PreviewMap) -> Tensor:
    """Map latents (n, 4, h, w) to RGB in [0, 1], shape (n, 3, h, w)."""
    factors = torch.tensor(preview["latent_rgb_factors"])
    bias = torch.tensor(preview["latent_rgb_bias"])
    colors = latents.permute(0, 2, 3, 1) @ factors + bias
    return colors.permute(0, 3, 1, 2).clamp(0, 1)
