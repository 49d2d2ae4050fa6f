"""What can go wrong in the engine.

`str(error)` is a sentence that may be shown to the user: it names no path, library or class.
What only an operator should read is in `reason` and in the chained exception.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from PIL.Image import Image


class EngineError(Exception):
    """Be the base of every error that the engine raises on purpose; `code` is stable."""

    code: ClassVar[str] = "engine_error"

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class InvalidRequest(EngineError):
    """Say which fields of a request are wrong, each with a sentence; the user's to put right."""

    code = "invalid_request"

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {text}" for name, text in fields.items()))
        self.fields: Mapping[str, str] = MappingProxyType(dict(fields))


class ModelUnavailable(EngineError):
    """Say that a model cannot be loaded; ours to put right."""

    code = "model_unavailable"


class OutOfMemory(EngineError):
    """Say that a request does not fit in memory even with every saving; a smaller one may."""

    code = "out_of_memory"


class GenerationCancelled(EngineError):
    """Stop a generation that was cancelled, with what was finished until then.

    `images` and `seeds` belong together, one seed for a picture; `compute_seconds` counts as in
    `GenerationResult`.
    """

    code = "cancelled"

    def __init__(
        self, *, images: tuple[Image, ...], seeds: tuple[int, ...], compute_seconds: float
    ) -> None:
        super().__init__("The generation was cancelled.")
        self.images = images
        self.seeds = seeds
        self.compute_seconds = compute_seconds
