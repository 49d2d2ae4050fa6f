"""All nodes there are, by type, in the order of the palette."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gpu_tasks.nodes import (
    batches,
    diffusion,
    latents,
    layers,
    masks,
    models,
    numbers,
    outputs,
    pictures,
    texts,
)
from gpu_tasks.nodes.declaring import Node

_MODULES: Final = (
    texts,
    models,
    diffusion,
    latents,
    pictures,
    layers,
    masks,
    batches,
    numbers,
    outputs,
)

NODES: Final[Mapping[str, Node]] = MappingProxyType(
    {node.type: node for module in _MODULES for node in module.NODES}
)
