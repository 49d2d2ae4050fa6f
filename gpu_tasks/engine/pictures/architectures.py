"""Import spandrel without torchvision, and let it recognise upscalers.

torchvision cannot be installed beside every torch that we run on, and spandrel needs it for two of
its architectures alone, neither of which enlarges pictures. Entries that recognise nothing take
their places before it is imported; torchvision itself is neither imported nor stood in for, so that
nobody else takes it for installed.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final

from gpu_tasks.engine.libraries import torch

# LaMa fills holes and RestoreFormer mends faces.
_LEFT_OUT: Final = ("LaMa", "RestoreFormer")


class _LeftOut:
    """Take the place of an architecture in spandrel's registry, and recognise no file."""

    def __init__(self, name: str) -> None:
        self.id = name

    def detect(self, _state: Mapping[str, torch.Tensor]) -> bool:
        return False


def _leave_out(name: str) -> None:
    module = ModuleType(f"spandrel.architectures.{name}")
    setattr(module, f"{name}Arch", lambda: _LeftOut(name))
    # `from spandrel.architectures import LaMa` looks here before it looks for a file.
    sys.modules.setdefault(module.__name__, module)


for _name in _LEFT_OUT:
    _leave_out(_name)

import spandrel  # noqa: E402  # after the places of what it cannot import are taken

__all__ = ["build_descriptor"]


def build_descriptor(state: Mapping[str, torch.Tensor]) -> Any:
    """Return spandrel's descriptor of the network that tensors belong to, by names and shapes.

    Raises:
        spandrel.UnsupportedModelError: they are of no architecture that it knows.
        Exception: whatever the architecture raises on tensors that do not fit it.
    """
    return spandrel.MAIN_REGISTRY.load(dict(state))
