"""One resumable training of the ControlNet: weights, average, optimizer, time budget and step."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import torch
from diffusers import ControlNetModel
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from gpu_tasks.training.starter.schedule import TimeBudget

PEAK_RATE: Final = 5e-4
_AVERAGE_DECAY: Final = 0.995
_WEIGHT_DECAY: Final = 0.01
_WARMUP: Final = 0.03
_SAVE_SECONDS: Final = 60.0
_LOG_STEPS: Final = 25

logger = logging.getLogger(__name__)


class ControlNetRun:
    """Train a ControlNet for a number of minutes of training time, resuming from its checkpoint.

    The checkpoint is one safetensors file, so that opening one runs nothing.
    """

    def __init__(self, *, path: Path, controlnet: ControlNetModel, minutes: float) -> None:
        self.path = path
        self.controlnet = controlnet
        self.average: ControlNetModel = copy.deepcopy(controlnet)
        self.average.requires_grad_(requires_grad=False)
        self.step = 0
        self.budget = TimeBudget(minutes=minutes, warmup=_WARMUP)
        self.losses: list[float] = []
        self._optimizer = torch.optim.AdamW(
            controlnet.parameters(),
            lr=PEAK_RATE,
            betas=(0.9, 0.99),
            weight_decay=_WEIGHT_DECAY,
            foreach=True,
        )
        if path.exists():
            self._resume()

    def steps(self) -> Iterator[int]:
        """Yield the number of each step until the budget is spent, its learning rate set."""
        saved = time.monotonic()
        while not self.budget.is_over():
            for group in self._optimizer.param_groups:
                group["lr"] = PEAK_RATE * self.budget.rate()
            yield self.step
            if time.monotonic() - saved > _SAVE_SECONDS or self.budget.is_over():
                self.save()
                saved = time.monotonic()

    def learn(self, *, loss: Tensor) -> None:
        """Take one step down a loss; one whose gradients are not finite changes no weight."""
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.budget.tick()
        norm = torch.nn.utils.clip_grad_norm_(self.controlnet.parameters(), 1.0)
        if torch.isfinite(norm):
            self._optimizer.step()
            self._blend()
        self.step += 1
        self.losses.append(loss.item())
        if self.step % _LOG_STEPS == 0:
            recent = self.losses[-_LOG_STEPS:]
            logger.info(
                "step %d, %.1f min, loss %.4f",
                self.step,
                self.budget.spent / 60,
                sum(recent) / len(recent),
            )

    @torch.no_grad()
    def _blend(self) -> None:
        decay = min(_AVERAGE_DECAY, (self.step + 1) / (self.step + 10))
        means: list[Tensor] = list(self.average.parameters())
        values = [parameter.detach() for parameter in self.controlnet.parameters()]
        torch._foreach_lerp_(means, values, 1 - decay)

    def save(self) -> None:
        """Write the checkpoint beside its place and swap it in."""
        tensors = {f"model.{name}": value for name, value in self.controlnet.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.state_dict().items()}
        for place, moments in self._optimizer.state_dict()["state"].items():
            tensors |= {f"moments.{place}.{name}": value for name, value in moments.items()}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        save_file(
            {name: value.contiguous() for name, value in tensors.items()},
            partial,
            metadata={"step": str(self.step), "spent": str(self.budget.spent)},
        )
        partial.rename(self.path)

    def _resume(self) -> None:
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}, "moments": {}}
        with safe_open(self.path, framework="pt") as stored:
            metadata = stored.metadata()
            for key in stored.keys():  # noqa: SIM118  (not a mapping)
                part, name = key.split(".", 1)
                parts[part][name] = stored.get_tensor(key)
        self.controlnet.load_state_dict(parts["model"])
        self.average.load_state_dict(parts["average"])
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in parts["moments"].items():
            place, name = key.split(".")
            state.setdefault(int(place), {})[name] = value
        settings = self._optimizer.state_dict()
        self._optimizer.load_state_dict({**settings, "state": state})
        self.step = int(metadata["step"])
        self.budget.spent = float(metadata["spent"])
