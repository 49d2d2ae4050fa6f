"""What the engine asks of a model family."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from gpu_tasks.engine.libraries import torch
from gpu_tasks.engine.previews import LatentPreview
from gpu_tasks.engine.request import GenerationRequest, ModelSource


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoadedModel:
    """Hold a model that is ready on its device: shared parts, never changed by a request."""

    source: ModelSource
    family: ModelFamily
    components: Mapping[str, Any]
    scheduler_config: Mapping[str, Any]
    preview: LatentPreview
    device: torch.device
    nbytes: int


class ModelFamily(ABC):
    """Load the models of one family and make a pipeline of theirs for each request."""

    base: ClassVar[str]

    @abstractmethod
    def expected_bytes(self, source: ModelSource, *, dtype: torch.dtype) -> int:
        """Say how much memory the model will take, without loading it."""

    @abstractmethod
    def load(self, source: ModelSource, *, device: torch.device, dtype: torch.dtype) -> LoadedModel:
        """Load from safetensors on this disk alone; raise ModelUnavailable with a reason."""

    @abstractmethod
    def make_pipeline(
        self, model: LoadedModel, request: GenerationRequest, *, scheduler: Any, sparing: bool
    ) -> Any:
        """Wrap the shared parts and a scheduler of the request's own in a diffusers pipeline.

        `sparing` asks for one that needs less memory, at the cost of time.
        """

    @abstractmethod
    def call_arguments(self, requests: Sequence[GenerationRequest]) -> dict[str, Any]:
        """Return the arguments of one call, but for generators and callbacks.

        There is a request for each picture of the batch; they are of one shape.
        """

    @abstractmethod
    def can_share_a_pass(self, model: LoadedModel) -> bool:
        """Tell whether pictures can be taken out of a batch while it is under way."""


def count_bytes(components: Mapping[str, Any]) -> int:
    """Count the bytes of all parameters and buffers, shared ones once."""
    seen: dict[int, int] = {}
    for part in components.values():
        if isinstance(part, torch.nn.Module):
            for tensor in (*part.parameters(), *part.buffers()):
                storage = tensor.untyped_storage()
                seen[storage.data_ptr()] = storage.nbytes()
    return sum(seen.values())
