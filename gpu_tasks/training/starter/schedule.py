"""Budgets of training time and the learning rates that follow them."""

from __future__ import annotations

import math
import time
from typing import Final

_LONGEST_STEP: Final = 10.0


class TimeBudget:
    """Count training time and derive the learning rate from the part already spent.

    The rate warms up linearly over `warmup` of the budget and then falls along a cosine to
    two per cent at the very end, whatever the speed of the machine.
    """

    def __init__(self, *, minutes: float, warmup: float) -> None:
        self.seconds = minutes * 60
        self.warmup = warmup
        self.spent = 0.0
        self._last = time.monotonic()

    def tick(self) -> None:
        """Add the time since the last call to the time spent; a suspension hardly counts."""
        now = time.monotonic()
        self.spent += min(now - self._last, _LONGEST_STEP)
        self._last = now

    def share(self) -> float:
        """Return the part of the budget already spent, in [0, 1]."""
        return min(self.spent / self.seconds, 1.0)

    def is_over(self) -> bool:
        """Tell whether the budget is spent."""
        return self.spent >= self.seconds

    def rate(self) -> float:
        """Return the learning rate as a part of its peak."""
        share = self.share()
        if share < self.warmup:
            return (share + 1e-3) / (self.warmup + 1e-3)
        progress = (share - self.warmup) / (1 - self.warmup)
        return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress))
