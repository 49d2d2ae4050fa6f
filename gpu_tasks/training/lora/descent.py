"""The way down: the optimizer, its rate, and what half precision needs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.families import LoadedModel
from gpu_tasks.engine.libraries import torch
from gpu_tasks.training.lora.adapter import Adapter
from gpu_tasks.training.lora.checkpoint import Checkpoint
from gpu_tasks.training.lora.errors import TrainingDiverged
from gpu_tasks.training.lora.settings import RateSchedule, TrainingSettings


def rate_at(step: int, settings: TrainingSettings) -> float:
    """Return the learning rate of a step (0-based)."""
    warmup = min(settings.warmup_steps, settings.steps)
    if step < warmup:
        return settings.learning_rate * (step + 1) / (warmup + 1)
    if settings.schedule == RateSchedule.CONSTANT:
        return settings.learning_rate
    share = (step - warmup) / (settings.steps - warmup)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


@dataclass(frozen=True, slots=True, eq=False)
class Descent:
    """Change an adapter's weights, in float32, against gradients of a model of any type.

    Gradients of float16 are scaled up so that the small ones do not vanish; a step in which that
    was too much changes nothing but the scale.
    """

    weights: Mapping[str, torch.nn.Parameter]
    settings: TrainingSettings
    device: torch.device
    dtype: torch.dtype
    optimizer: torch.optim.AdamW
    scaler: Any

    @classmethod
    def of(cls, adapter: Adapter, settings: TrainingSettings, model: LoadedModel) -> Descent:
        optimizer = torch.optim.AdamW(
            list(adapter.weights.values()),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
        )
        scaler = torch.amp.GradScaler(model.device.type, enabled=model.dtype == torch.float16)
        return cls(adapter.weights, settings, model.device, model.dtype, optimizer, scaler)

    @contextmanager
    def autocast(self) -> Iterator[None]:
        """Have the model compute in its own type beside weights in float32."""
        with torch.autocast(
            self.device.type,
            dtype=self.dtype if self.dtype != torch.float32 else None,
            enabled=self.dtype != torch.float32,
        ):
            yield

    @contextmanager
    def step(self, step: int) -> Iterator[Callable[[torch.Tensor], None]]:
        """Take step `step` (0-based) down the sum of the losses that the block hands over.

        Raises:
            TrainingDiverged: the gradients are no numbers.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(step, self.settings)
        self.optimizer.zero_grad(set_to_none=True)

        def descend(loss: torch.Tensor) -> None:
            torch.autograd.backward(self.scaler.scale(loss))

        yield descend
        self.scaler.unscale_(self.optimizer)
        norm = torch.nn.utils.clip_grad_norm_(
            list(self.weights.values()), self.settings.gradient_limit
        )
        if not self.scaler.is_enabled() and not torch.isfinite(norm):
            raise TrainingDiverged(step=step + 1)
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def moments(self) -> dict[str, torch.Tensor]:
        """Return copies of what the optimizer remembers of each weight."""
        state = self.optimizer.state_dict()["state"]
        return {
            f"{name}/{moment}": value.detach().cpu().clone()
            for place, name in enumerate(self.weights)
            for moment, value in state.get(place, {}).items()
        }

    def scale(self) -> dict[str, torch.Tensor]:
        """Return what gradients are multiplied by, and how long ago that was last too much."""
        return {
            name: torch.tensor(float(value), dtype=torch.float64)
            for name, value in self.scaler.state_dict().items()
        }

    def restore(self, checkpoint: Checkpoint) -> None:
        """Remember what a checkpoint does.

        Raises:
            InvalidRequest: it is of other weights, or was made on a device of another kind.
        """
        places = {name: place for place, name in enumerate(self.weights)}
        state: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in checkpoint.moments.items():
            name, _, moment = key.rpartition("/")
            if name not in places:
                raise InvalidRequest({"resume": "was made for another model or another rank"})
            state.setdefault(places[name], {})[moment] = value
        options = self.optimizer.state_dict()
        self.optimizer.load_state_dict({**options, "state": state})
        if checkpoint.scaler.keys() != self.scaler.state_dict().keys():
            raise InvalidRequest({"resume": "was made on another kind of device"})
        if checkpoint.scaler:
            kept = {name: value.item() for name, value in checkpoint.scaler.items()}
            own = self.scaler.state_dict()
            self.scaler.load_state_dict(
                {name: type(own[name])(value) for name, value in kept.items()}
            )
