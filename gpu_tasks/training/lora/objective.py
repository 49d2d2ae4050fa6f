"""What a step is to make smaller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.libraries import diffusers, torch

_LEAST_SNR: Final = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class Objective:
    """Noise for latents, what the denoiser should say of it, and how much a step counts.

    `prediction` is the scheduler's: "epsilon" or "v_prediction".
    """

    scheduler: Any
    prediction: str
    gamma: float

    @classmethod
    def for_model(cls, scheduler_config: Mapping[str, Any], *, gamma: float) -> Objective:
        """Take the noise schedule of a model.

        Raises:
            InvalidRequest: it predicts neither noise nor velocity.
        """
        prediction = str(scheduler_config.get("prediction_type", "epsilon"))
        if prediction not in ("epsilon", "v_prediction"):
            raise InvalidRequest({"model": f"cannot be trained: it predicts {prediction!r}"})
        scheduler = diffusers.DDPMScheduler.from_config(dict(scheduler_config))
        return cls(scheduler, prediction, gamma)

    @property
    def timesteps(self) -> int:
        return int(self.scheduler.config.num_train_timesteps)

    def add_noise(
        self, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor
    ) -> torch.Tensor:
        """Return latents as they are after so many steps towards noise."""
        noisy: torch.Tensor = self.scheduler.add_noise(latents, noise, timesteps)
        return noisy

    def target(
        self, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor
    ) -> torch.Tensor:
        """Return what the denoiser should say: the noise, or v (arXiv:2202.00512, appendix D)."""
        if self.prediction == "epsilon":
            return noise
        velocity: torch.Tensor = self.scheduler.get_velocity(latents, noise, timesteps)
        return velocity

    def weights(self, timesteps: torch.Tensor) -> torch.Tensor:
        """Weigh steps by min(SNR, γ), so that those with little noise do not drown the others.

        Hang et al. 2023, "Efficient Diffusion Training via Min-SNR Weighting Strategy"
        (arXiv:2303.09556), section 3.4: over SNR for noise, over SNR + 1 for v.
        """
        if not self.gamma:
            return torch.ones(len(timesteps), device=timesteps.device)
        kept = self.scheduler.alphas_cumprod.to(timesteps.device)[timesteps]
        snr = (kept / (1 - kept)).clamp(min=_LEAST_SNR)
        weights: torch.Tensor = snr.clamp(max=self.gamma) / (
            snr if self.prediction == "epsilon" else snr + 1
        )
        return weights

    def loss(
        self, predicted: torch.Tensor, target: torch.Tensor, timesteps: torch.Tensor
    ) -> torch.Tensor:
        """Return the weighted mean square of the difference, in float32."""
        square = torch.nn.functional.mse_loss(predicted.float(), target.float(), reduction="none")
        mean: torch.Tensor = (square.mean(dim=(1, 2, 3)) * self.weights(timesteps)).mean()
        return mean
