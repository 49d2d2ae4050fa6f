"""What can end a training beside what can end any work of the engine."""

from __future__ import annotations

from typing import ClassVar

from gpu_tasks.engine.errors import EngineError


class TrainingCancelled(EngineError):
    """Stop a training that was cancelled, after `step` finished steps.

    `compute_seconds` counts as in `TrainedLora`.
    """

    code: ClassVar[str] = "cancelled"

    def __init__(self, *, step: int, compute_seconds: float) -> None:
        super().__init__("The training was cancelled.")
        self.step = step
        self.compute_seconds = compute_seconds


class TrainingDiverged(EngineError):
    """Say that the loss is no number any more; a lower learning rate may help."""

    code: ClassVar[str] = "training_diverged"

    def __init__(self, *, step: int) -> None:
        super().__init__(
            f"The training went wrong at step {step}: its loss is no number any more. "
            "Try a lower learning rate."
        )
        self.step = step
