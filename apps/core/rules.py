"""What a rule about settings is."""

from collections.abc import Callable
from dataclasses import dataclass

from django.core import checks
from django.core.checks import CheckMessage


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that must not be; `advice` says what to set instead."""

    id: str
    is_broken: Callable[[], bool]
    problem: str
    advice: str
    refuses: bool = True

    def message(self) -> CheckMessage:
        """Make Django's message of it."""
        kind = checks.Error if self.refuses else checks.Warning
        return kind(self.problem, hint=self.advice, id=self.id)
