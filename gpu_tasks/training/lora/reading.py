"""Captions as the denoiser is told of them, read plainly: no weights, no more than one chunk."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from gpu_tasks.engine.families import LoadedModel
from gpu_tasks.engine.families.stable_diffusion import UNetFamily
from gpu_tasks.engine.libraries import torch
from gpu_tasks.engine.prompts.clip_encoding import ClipEncoder, ClipPart, EncodedPrompts, Layer
from gpu_tasks.training.lora.settings import TrainingSettings


class CaptionReader:
    """Read captions with a model's text encoders, each different one once while they are frozen.

    `before` is what the encoders make of a caption without the adapter.
    """

    def __init__(self, model: LoadedModel, *, learns: bool) -> None:
        family = model.family
        if not isinstance(family, UNetFamily):
            raise TypeError(f"{family.base} has no CLIP encoder")
        self._encoder: ClipEncoder = family.clip_encoder(model)
        self._device = model.device
        self._learns = learns
        self._before: dict[str, EncodedPrompts] = {}

    @torch.no_grad()
    def prepare(self, captions: Iterable[str]) -> None:
        """Read captions before the first step."""
        for caption in captions:
            if caption not in self._before:
                self._before[caption] = self._read([caption])

    def before(self, captions: Sequence[str]) -> EncodedPrompts:
        """Return captions, one a row, as they were read by `prepare`."""
        rows = [self._before[caption] for caption in captions]
        pooled = [row.pooled for row in rows if row.pooled is not None]
        return EncodedPrompts(
            torch.cat([row.prompt_embeds for row in rows]), torch.cat(pooled) if pooled else None
        )

    def now(self, captions: Sequence[str]) -> EncodedPrompts:
        """Return captions, one a row, as the encoders read them by now."""
        return self._read(captions) if self._learns else self.before(captions)

    def _read(self, captions: Sequence[str]) -> EncodedPrompts:
        sides: list[torch.Tensor] = []
        pooled: torch.Tensor | None = None
        for part in self._encoder.parts:
            output = part.text_encoder(
                _tokenize(part, captions).to(self._device), output_hidden_states=True
            )
            if self._encoder.layer is Layer.PENULTIMATE:
                sides.append(output.hidden_states[-2])
                # The first output of an encoder with a projection; the other's are hidden states.
                pooled = output[0] if output[0].ndim == 2 else pooled
            else:
                sides.append(output.last_hidden_state)
        return EncodedPrompts(torch.cat(sides, dim=-1), pooled)


def _tokenize(part: ClipPart, captions: Sequence[str]) -> torch.Tensor:
    ids: Any = part.tokenizer(
        list(captions),
        padding="max_length",
        max_length=part.length,
        truncation=True,
        return_tensors="pt",
    ).input_ids
    return torch.as_tensor(ids)


def with_trigger(caption: str, settings: TrainingSettings) -> str:
    """Put the trigger before a caption that lacks it."""
    trigger, caption = settings.trigger.strip(), caption.strip()
    if not trigger or _said(trigger).search(caption):
        return caption
    return f"{trigger}, {caption}" if caption else trigger


def without_trigger(caption: str, settings: TrainingSettings) -> str:
    """Take the trigger out of a caption, and the comma that went with it."""
    trigger = settings.trigger.strip()
    if not trigger or not _said(trigger).search(caption):
        return caption.strip()
    rest = re.sub(r"\s*,[\s,]*", ", ", _said(trigger).sub("", caption))
    return " ".join(rest.split()).strip(" ,")


def _said(trigger: str) -> re.Pattern[str]:
    """Return what finds a trigger as words of its own, and not as a part of others."""
    return re.compile(rf"(?<!\w){re.escape(trigger)}(?!\w)", re.IGNORECASE)
