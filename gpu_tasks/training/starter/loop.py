"""One resumable training: weights, their running average, optimizer, time budget and step."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from gpu_tasks.training.starter.parallel import average_step
from gpu_tasks.training.starter.schedule import TimeBudget

_SAVE_SECONDS: Final = 120.0
_LOG_STEPS: Final = 50

logger = logging.getLogger(__name__)


class TrainingRun:
    """Train a module step by step for a number of minutes, resuming from its checkpoint.

    Every process of a parallel run makes one with its rank; the first one logs and writes.
    `again` starts another round of the learning rate's schedule from the checkpoint.
    """

    def __init__(
        self,
        *,
        path: Path,
        model: nn.Module,
        rank: int,
        minutes: float,
        peak_rate: float,
        average_decay: float,
        weight_decay: float = 0.01,
        again: bool = False,
    ) -> None:
        self.path = path
        self.model = model
        self.average = copy.deepcopy(model).requires_grad_(requires_grad=False)
        self.rank = rank
        self.step = 0
        self.budget = TimeBudget(minutes=minutes, warmup=0.02)
        self._peak_rate = peak_rate
        self._average_decay = average_decay
        self._optimizer = torch.optim.AdamW(
            [parameter for parameter in model.parameters() if parameter.requires_grad],
            lr=peak_rate,
            betas=(0.9, 0.99),
            weight_decay=weight_decay,
            foreach=True,
        )
        self._figures: dict[str, list[float]] = {}
        if path.exists():
            state: dict[str, Any] = torch.load(path, weights_only=True)
            model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self._optimizer.load_state_dict(state["optimizer"])
            self.step = state["step"]
            self.budget.spent = 0.0 if again else state["spent"]

    def steps(self) -> Iterator[int]:
        """Yield the number of each step until the budget is spent, its learning rate set."""
        saved = time.monotonic()
        while not self.budget.is_over():
            for group in self._optimizer.param_groups:
                group["lr"] = self._peak_rate * self.budget.rate()
            yield self.step
            if self.rank == 0 and (
                time.monotonic() - saved > _SAVE_SECONDS or self.budget.is_over()
            ):
                self._save()
                saved = time.monotonic()

    def learn(self, *, loss: Tensor, **figures: float) -> None:
        """Take one step down a loss, averaged over all processes; figures are only logged."""
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.budget.tick()
        self.budget.spent = average_step(
            parameters=self.model.parameters(), extra=self.budget.spent
        )
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        if torch.isfinite(norm):
            self._optimizer.step()
        self._blend()
        self.step += 1
        for name, value in {"loss": loss.item(), **figures}.items():
            self._figures.setdefault(name, []).append(value)
        if self.step % _LOG_STEPS == 0:
            self._log()

    @torch.no_grad()
    def _blend(self) -> None:
        decay = min(self._average_decay, (self.step + 1) / (self.step + 10))
        means: list[Tensor] = list(self.average.parameters())
        values = [parameter.detach() for parameter in self.model.parameters()]
        torch._foreach_lerp_(means, values, 1 - decay)

    def _log(self) -> None:
        means = {name: sum(values) / len(values) for name, values in self._figures.items()}
        self._figures.clear()
        if self.rank == 0:
            logger.info(
                "%s step %d, %.1f min, %s",
                self.path.stem,
                self.step,
                self.budget.spent / 60,
                ", ".join(f"{name} {value:.4f}" for name, value in means.items()),
            )

    def _save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "step": self.step,
            "spent": self.budget.spent,
        }
        torch.save(state, self.path.with_suffix(".partial"))
        self.path.with_suffix(".partial").rename(self.path)
