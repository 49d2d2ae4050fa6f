"""Small pictures of what is under way, straight from the latents and without the VAE."""

from __future__ import annotations

import functools
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PIL import Image

from gpu_tasks.engine.errors import ModelUnavailable
from gpu_tasks.engine.libraries import torch
from gpu_tasks.engine.model_files import read_json

logger = logging.getLogger(__name__)

PREVIEW_FILE: Final = "preview.json"

# SD 1.x latents to RGB in [-1, 1], found by regression by its users:
# https://discuss.huggingface.co/t/decoding-latents-to-rgb-without-upscaling/23204/2
# Halved, with a bias of 0.5, because ours map to [0, 1].
_SD_1_FACTORS: Final = (
    (0.149, 0.1035, 0.104),
    (0.0935, 0.143, 0.0865),
    (-0.079, 0.0945, 0.132),
    (-0.092, -0.1355, -0.2365),
)


@dataclass(frozen=True, slots=True)
class LatentPreview:
    """Map UNet-space latents to RGB in [0, 1]: rgb = latents @ factors + bias."""

    factors: torch.Tensor
    bias: torch.Tensor

    @classmethod
    def for_model(
        cls,
        directory: Path,
        *,
        channels: int,
        base: str,
        encode: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ) -> LatentPreview:
        """Take the map that lies in the model's directory, or the one of its family.

        Where there is neither, `encode` says what pictures become; see `fitted`.
        """
        file = directory / PREVIEW_FILE
        if file.is_file():
            try:
                content = read_json(file)
                preview = cls(
                    torch.tensor(content["latent_rgb_factors"], dtype=torch.float32),
                    torch.tensor(content["latent_rgb_bias"], dtype=torch.float32),
                )
                if preview.factors.shape == (channels, 3) and preview.bias.shape == (3,):
                    return preview
                logger.warning("preview_map_ignored: %s has the wrong shape", file)
            except (ModelUnavailable, KeyError, TypeError, ValueError) as error:
                # A model without a preview is better than no model.
                logger.warning("preview_map_ignored: %s: %s", file, error)
        if encode is not None and not cls._is_known(channels, base):
            try:
                return cls.fitted(encode, channels=channels)
            except Exception as error:  # noqa: BLE001  (a VAE of another kind raises anything)
                logger.warning("preview_map_not_fitted: %s: %s", directory, error)
        return cls._fixed(channels, base)

    @classmethod
    def fitted(
        cls, encode: Callable[[torch.Tensor], torch.Tensor], *, channels: int
    ) -> LatentPreview:
        """Find the map by encoding patches of known colours, with least squares.

        `encode` makes latents (1, channels, h, w) of a picture (1, 3, height, width) in [-1, 1].

        Raises:
            ValueError: it makes something else, or numbers that are not finite.
        """
        colours = _patches()
        with torch.inference_mode():
            latents = encode(colours * 2 - 1).float().cpu()
        if latents.ndim != 4 or latents.shape[1] != channels or not latents.isfinite().all():
            raise ValueError(f"latents of shape {tuple(latents.shape)}")
        size = (int(latents.shape[2]), int(latents.shape[3]))
        seen = torch.nn.functional.interpolate(colours, size=size, mode="area")
        rows = latents[0].flatten(1).T.double()
        wanted = seen[0].flatten(1).T.double() - 0.5
        # A little ridge, since there may be hardly more patches than channels.
        ridge = 1e-3 * rows.square().mean().clamp_min(1e-9) * len(rows)
        rows = torch.cat([rows, torch.ones(len(rows), 1, dtype=rows.dtype)], dim=1)
        square = rows.T @ rows + ridge * torch.eye(channels + 1, dtype=rows.dtype)
        found = torch.linalg.solve(square, rows.T @ wanted).float()
        return cls(found[:-1], found[-1] + 0.5)

    @staticmethod
    def _is_known(channels: int, base: str) -> bool:
        return channels == len(_SD_1_FACTORS) and base in ("sd-1.5-class", "sd-2")

    @classmethod
    def _fixed(cls, channels: int, base: str) -> LatentPreview:
        if cls._is_known(channels, base):
            factors = torch.tensor(_SD_1_FACTORS)
        else:
            # Nothing is known of these latents: show their mean, in grey.
            factors = torch.full((channels, 3), 0.5 / channels)
        return cls(factors, torch.full((3,), 0.5))

    def draw(self, latents: torch.Tensor) -> Image.Image:
        """Draw latents of shape (channels, height, width), a pixel for each place."""
        with torch.inference_mode():
            pixels = latents.float().cpu().permute(1, 2, 0) @ self.factors + self.bias
            pixels = pixels.nan_to_num().clamp(0, 1).mul(255).round().to(torch.uint8)
        return Image.fromarray(pixels.numpy(), mode="RGB")


def _patches() -> torch.Tensor:
    """Return a picture (1, 3, 64, 64) of 16 flat patches in [0, 1] that tell colours apart."""
    levels = torch.arange(16)
    # Each channel goes through its levels in an order of its own.
    colours = torch.stack([levels, levels * 7 % 16, levels * 11 % 16]).float() / 15
    return colours.reshape(1, 3, 4, 4).repeat_interleave(16, dim=2).repeat_interleave(16, dim=3)


class DenoisedTap(ABC):
    """Remember what went through a scheduler last, so that a preview can be drawn of it.

    A step's result is mostly noise until late. The picture that the model believes in at that
    step, x0, is clear much earlier, and follows from what the model was shown and what it said.
    Keeps some references and computes nothing until `denoised` is called. Only for a scheduler
    that belongs to one request.
    """

    def __init__(self, scheduler: Any) -> None:
        self._said: torch.Tensor | None = None
        self._before: torch.Tensor | None = None
        self._timestep: Any = None
        step = scheduler.step

        # wraps() keeps the signature, which pipelines inspect for `eta` and `generator`.
        @functools.wraps(step)
        def remember_output(
            model_output: Any, timestep: Any, sample: Any, *args: Any, **kwargs: Any
        ) -> Any:
            self._said, self._timestep, self._before = model_output, timestep, sample
            return step(model_output, timestep, sample, *args, **kwargs)

        scheduler.step = remember_output

    @staticmethod
    def on(scheduler: Any) -> DenoisedTap:
        """Make the tap for a scheduler."""
        is_curved = hasattr(scheduler, "alphas_cumprod") and not scheduler.config.get(
            "use_flow_sigmas"
        )
        return DiffusionTap(scheduler) if is_curved else FlowTap(scheduler)

    def denoised(self, fallback: torch.Tensor, *, row: int = 0) -> torch.Tensor:
        """Return x0 of one picture of the batch, of shape (1, …) as its latents have."""
        if self._said is None or self._before is None:
            return fallback[row : row + 1]
        with torch.inference_mode():
            return self._believed(row)

    @abstractmethod
    def _believed(self, row: int) -> torch.Tensor:
        """Return x0 of a row from the last step."""


class FlowTap(DenoisedTap):
    """For models that go straight from noise to picture: they say v = noise - x0.

    With x = (1 - sigma) x0 + sigma noise, x0 = x - sigma v (Liu et al. 2022,
    https://arxiv.org/abs/2209.03003). Timesteps are sigmas times the trained steps.
    """

    def __init__(self, scheduler: Any) -> None:
        super().__init__(scheduler)
        self._train_steps = int(scheduler.config.num_train_timesteps)

    def _believed(self, row: int) -> torch.Tensor:
        if self._said is None or self._before is None:
            raise ValueError("no step was made")
        sigma = float(self._timestep) / self._train_steps
        rows = slice(row, row + 1)
        return self._before[rows].float() - sigma * self._said[rows].float()


class DiffusionTap(DenoisedTap):
    """For models of the diffusion kind.

    With a the product of alphas up to now, the model was shown x = sqrt(a) x0 + sqrt(1 - a) e.
    It said e (epsilon), or v = sqrt(a) e - sqrt(1 - a) x0 (v-prediction, Salimans and Ho 2022,
    https://arxiv.org/abs/2202.00512), or x0 itself (sample).
    """

    def __init__(self, scheduler: Any) -> None:
        super().__init__(scheduler)
        self._alphas: Sequence[float] | torch.Tensor = scheduler.alphas_cumprod
        self._prediction_type: str = scheduler.config.prediction_type
        self._shown: torch.Tensor | None = None
        scale_model_input = scheduler.scale_model_input

        @functools.wraps(scale_model_input)
        def remember_input(*args: Any, **kwargs: Any) -> Any:
            self._shown = scale_model_input(*args, **kwargs)
            return self._shown

        scheduler.scale_model_input = remember_input

    def _believed(self, row: int) -> torch.Tensor:
        if self._shown is None or self._said is None:
            raise ValueError("no step was made")
        # A picture has the same place in both: guidance doubles the batch after its rows.
        rows = slice(row, row + 1)
        shown, said = self._shown[rows].float(), self._said[rows].float()
        signal, noise = self._signal_and_noise(float(self._timestep))
        if self._prediction_type == "v_prediction":
            return signal * shown - noise * said
        if self._prediction_type == "sample":
            return said
        return (shown - noise * said) / signal

    def _signal_and_noise(self, timestep: float) -> tuple[float, float]:
        # Karras spacing asks the model at times between the trained ones.
        last = len(self._alphas) - 1
        below = min(max(int(timestep), 0), last)
        above = min(below + 1, last)
        part = min(max(timestep - below, 0.0), 1.0)
        alpha = float(self._alphas[below]) * (1 - part) + float(self._alphas[above]) * part
        # A schedule with no signal at its end would divide by zero.
        alpha = max(alpha, 1e-4)
        return float(alpha**0.5), float((1 - alpha) ** 0.5)
