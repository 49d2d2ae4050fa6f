"""What the families share that go straight from noise to picture, with a transformer."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from PIL import Image

from gpu_tasks.engine.families.family import ModelFamily
from gpu_tasks.engine.families.scene import Reading, Scene
from gpu_tasks.engine.guides import ControlKind
from gpu_tasks.engine.libraries import torch
from gpu_tasks.engine.prompts.embedding_cache import digest_key


class FlowFamily(ModelFamily):
    """Read a prompt by the pipeline's own encoder, each text by itself and only once.

    None of these can take rows out of a batch under way (pipelines keep what belongs to rows to
    themselves), so all rows of a call are of one request, and differ in their noise alone.
    """

    # What several ControlNets are put into.
    joined_controls: ClassVar[Any] = None
    # Pixels of a side that are one place of the latents.
    latent_factor: ClassVar[int] = 8

    def encode(self, pipeline: Any, scene: Scene, reading: Reading) -> dict[str, Any]:
        request = scene.request
        rows = len(scene.requests)
        named = self.for_rows(self._read(pipeline, scene, reading, request.prompt), rows)
        if self.is_told_what_not(scene):
            negative = self._read(pipeline, scene, reading, request.negative_prompt)
            for name, value in self.for_rows(negative, rows).items():
                named[f"negative_{name}"] = value
        return named

    def _read(
        self, pipeline: Any, scene: Scene, reading: Reading, text: str
    ) -> dict[str, torch.Tensor]:
        model = reading.model
        key = digest_key(
            family=self.base,
            state=reading.state,
            encoders=type(pipeline).__name__,
            text=text,
            clip_skip=scene.request.clip_skip,
            pictures=[digest_picture(one) for one in self.pictures_read(scene)],
            device=str(model.device),
            dtype=str(model.dtype),
        )
        return reading.cache.get_or_encode(
            key, lambda: self.read_text(pipeline, scene, text, device=model.device)
        )

    @abstractmethod
    def read_text(
        self, pipeline: Any, scene: Scene, text: str, *, device: torch.device
    ) -> dict[str, torch.Tensor]:
        """Return what the call takes instead of a prompt, each as [1, …]."""

    def for_rows(self, read: Mapping[str, torch.Tensor], rows: int) -> dict[str, Any]:
        """Return what was read of a text for a batch of so many rows."""
        return {name: torch.cat([tensor] * rows) for name, tensor in read.items()}

    def is_told_what_not(self, scene: Scene) -> bool:
        """Tell whether the call compares with a negative prompt, be it empty."""
        return scene.guided

    def pictures_read(self, scene: Scene) -> Sequence[Image.Image]:
        """Return the pictures that are read together with the text."""
        del scene
        return ()

    def arguments(self, scene: Scene) -> dict[str, Any]:
        arguments = super().arguments(scene)
        if scene.strength is not None:
            # Pipelines of this kind round the steps up, all others and our plans down.
            steps = min(int(scene.steps * scene.strength), scene.steps)
            share = (steps - 1e-6) / scene.steps
            arguments["strength"] = 1.0 if steps == scene.steps else share
        return arguments

    def join_controls(self, controls: Sequence[Any], kind: ControlKind) -> Any:
        del kind
        return controls[0] if len(controls) == 1 else self.joined_controls(list(controls))

    def unpack(self, latents: torch.Tensor, scene: Scene) -> torch.Tensor:
        """Turn [rows, places of 2 × 2, channels × 4] into [rows, channels, height, width]."""
        width, height = (side // (2 * self.latent_factor) for side in self.working_size(scene))
        packed = latents.reshape(len(latents), height, width, -1, 2, 2)
        return packed.permute(0, 3, 1, 4, 2, 5).reshape(len(latents), -1, 2 * height, 2 * width)


def digest_picture(picture: Image.Image) -> str:
    """Return a hash of a picture's pixels."""
    return hashlib.sha256(f"{picture.mode}{picture.size}".encode() + picture.tobytes()).hexdigest()


def scale_to_area(picture: Image.Image, area: int, *, multiple: int) -> Image.Image:
    """Scale a picture to about `area` pixels, and its sides to a multiple of `multiple`."""
    factor = (area / (picture.width * picture.height)) ** 0.5
    width, height = (max(round(side * factor / multiple), 1) * multiple for side in picture.size)
    return picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
