"""What a training is resumed from: safetensors alone, so that opening one runs nothing.

No state of a random generator is among it: what a step draws depends on the seed and on its
number alone (`draws.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import safetensors.torch

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.libraries import torch

FORMAT: Final = "easel-lora-checkpoint-1"
_PARTS: Final = ("weights", "moments", "scaler")
_NOT_ONE: Final = "is not a whole checkpoint of a training"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """Hold a training between two steps.

    `weights` are the adapter's in float32 by name, `moments` the optimizer's by the weight's name
    and their own, `scaler` what float16 gradients are multiplied by (empty for other types).
    `digest` tells the settings, the pictures, the captions and the model apart from any others.
    With `lacks_samples` those of its step are still to be made.
    """

    step: int
    smoothed_loss: float
    losses: tuple[float, ...]
    digest: str
    weights: Mapping[str, torch.Tensor]
    moments: Mapping[str, torch.Tensor]
    scaler: Mapping[str, torch.Tensor]
    lacks_samples: bool = False

    def to_bytes(self) -> bytes:
        """Return the checkpoint as a safetensors file."""
        tensors = {
            f"{part}/{name}": tensor.contiguous()
            for part in _PARTS
            for name, tensor in getattr(self, part).items()
        }
        tensors["losses"] = torch.tensor(self.losses, dtype=torch.float64)
        notes = {
            "format": FORMAT,
            "step": str(self.step),
            "smoothed_loss": self.smoothed_loss.hex(),
            "digest": self.digest,
            "lacks_samples": str(self.lacks_samples),
        }
        return safetensors.torch.save(tensors, metadata=notes)

    @classmethod
    def from_bytes(cls, content: bytes) -> Checkpoint:
        """Read what `to_bytes` made.

        Raises:
            InvalidRequest: it is torn, or something else; the field is `resume`.
        """
        try:
            notes = _read_notes(content)
            kind = notes["format"]
            parts: dict[str, dict[str, torch.Tensor]] = {part: {} for part in _PARTS}
            tensors = safetensors.torch.load(content)
            losses = tuple(tensors.pop("losses").tolist())
            for key, tensor in tensors.items():
                part, _, name = key.partition("/")
                parts[part][name] = tensor
            found = cls(
                step=int(notes["step"]),
                smoothed_loss=float.fromhex(notes["smoothed_loss"]),
                losses=losses,
                digest=notes["digest"],
                # Those of earlier releases do not say.
                lacks_samples=notes.get("lacks_samples") == str(True),
                **parts,
            )
        except (ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
            raise InvalidRequest({"resume": _NOT_ONE}) from error
        if kind != FORMAT or found.step != len(found.losses):
            raise InvalidRequest({"resume": _NOT_ONE})
        return found

    @classmethod
    def read(cls, source: Path | bytes) -> Checkpoint:
        """Read a checkpoint from a file or from its content; raise as `from_bytes` does."""
        return cls.from_bytes(source if isinstance(source, bytes) else source.read_bytes())


def _read_notes(content: bytes) -> dict[str, str]:
    """Return the metadata of a safetensors file: 8 bytes of length, then JSON."""
    length = int.from_bytes(content[:8], "little")
    notes: dict[str, str] = json.loads(content[8 : 8 + length])["__metadata__"]
    return notes
