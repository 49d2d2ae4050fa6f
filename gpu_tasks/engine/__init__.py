"""Make pictures with torch and diffusers; knows nothing of the service around it.

Importing this package is cheap: `Engine` brings torch in only when it is first asked for, so
that the web process may import the request, the errors and the scheduler names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_tasks.engine.errors import (
    EngineError,
    GenerationCancelled,
    InvalidRequest,
    ModelUnavailable,
    OutOfMemory,
)
from gpu_tasks.engine.latents import LatentResult, Latents, Start
from gpu_tasks.engine.request import (
    GenerationRequest,
    GenerationResult,
    ModelSource,
    PassMember,
    Phase,
    StepProgress,
)

if TYPE_CHECKING:
    from gpu_tasks.engine.engine import Engine

__all__ = [
    "Engine",
    "EngineError",
    "GenerationCancelled",
    "GenerationRequest",
    "GenerationResult",
    "InvalidRequest",
    "LatentResult",
    "Latents",
    "ModelSource",
    "ModelUnavailable",
    "OutOfMemory",
    "PassMember",
    "Phase",
    "Start",
    "StepProgress",
]


def __getattr__(name: str) -> object:
    if name == "Engine":
        from gpu_tasks.engine.engine import Engine

        return Engine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
