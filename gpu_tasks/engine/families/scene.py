"""What is loaded of a model, what a call of its pipeline shows, and what reading prompts needs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PIL import Image

from gpu_tasks.engine.guides import Control, ControlKind
from gpu_tasks.engine.libraries import torch
from gpu_tasks.engine.previews import LatentPreview
from gpu_tasks.engine.prompts.embedding_cache import EmbeddingCache
from gpu_tasks.engine.prompts.embedding_files import Embedding
from gpu_tasks.engine.request import GenerationRequest, ModelSource
from gpu_tasks.engine.tasks_of_calls import Task

if TYPE_CHECKING:
    from gpu_tasks.engine.families.family import ModelFamily


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoadedModel:
    """Hold a model that is ready on its device: shared parts, never changed by a request."""

    source: ModelSource
    family: ModelFamily
    components: Mapping[str, Any]
    scheduler_config: Mapping[str, Any]
    preview: LatentPreview
    device: torch.device
    dtype: torch.dtype
    own_bytes: int
    options: Mapping[str, Any] = field(default_factory=dict)
    # Bytes of the LoRAs that lie in the parts, switched off between requests, by name; the one
    # used longest ago first.
    adapters: OrderedDict[str, int] = field(default_factory=OrderedDict)

    @property
    def nbytes(self) -> int:
        """What the parts take, with the LoRAs in them."""
        # A tuple first: another thread may put one in meanwhile.
        return self.own_bytes + sum(tuple(self.adapters.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One call of a pipeline: a request, a start picture and a mask for each row of its batch.

    Sizes are in pixels, and pictures have them already. `strength` is None for a call that
    starts from nothing. Rows of different requests differ in prompt and pictures alone.
    """

    task: Task
    width: int
    height: int
    steps: int
    requests: Sequence[GenerationRequest]
    strength: float | None = None
    images: Sequence[Image.Image] = ()
    masks: Sequence[Image.Image] = ()
    controls: Sequence[Control] = ()
    by_refiner: bool = False

    @property
    def request(self) -> GenerationRequest:
        return self.requests[0]

    @property
    def control(self) -> ControlKind | None:
        """What steers the call beside the prompt."""
        return self.controls[0].kind if self.controls else None

    @property
    def guided(self) -> bool:
        return self.request.guidance_scale > 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reading:
    """What reading prompts needs beside them.

    `state` tells encoders in different dress apart, and `cache` keeps what was read in it.
    """

    model: LoadedModel
    cache: EmbeddingCache
    embeddings: Sequence[Embedding] = ()
    state: str = ""
