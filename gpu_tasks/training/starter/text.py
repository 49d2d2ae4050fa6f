"""The text encoder, trained to tell from a caption what its picture shows.

A denoiser teaches its text encoder slowly, through noise. Told directly what each caption means,
the encoder learns that in minutes; the denoiser then meets features that already separate
colours, shapes and places, and the encoder stays as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from gpu_tasks.training.starter.captions import write_caption
from gpu_tasks.training.starter.loop import TrainingRun
from gpu_tasks.training.starter.tokenizer import MAX_TOKENS, load_tokenizer
from gpu_tasks.training.starter.world import (
    BODIES,
    COLORS,
    LANDS,
    PLACES,
    SHAPES,
    SIZES,
    SKIES,
    ShapeSpec,
    Spec,
    sample_spec,
)

TEXT_WIDTH: Final = 144
_SEED: Final = 17
_BATCH: Final = 96
_PEAK_RATE: Final = 1e-3
_AVERAGE_DECAY: Final = 0.995

# The values a property can take; a picture of the other kind has none of them.
_PROPERTIES: Final[dict[str, tuple[object, ...]]] = {
    "shape": SHAPES,
    "color": tuple(COLORS),
    "ground": tuple(COLORS),
    "count": (1, 2, 3, 4),
    "size": SIZES,
    "place": PLACES,
    "land": LANDS,
    "sky": SKIES,
    "body": BODIES,
    "snowy": (False, True),
    "stars": (False, True),
    "cactus": (False, True),
}


def build_text_encoder(*, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Build the untrained text encoder for a vocabulary."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_WIDTH,
        intermediate_size=4 * TEXT_WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=MAX_TOKENS,
        projection_dim=TEXT_WIDTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config)


def tokenize(*, tokenizer: CLIPTokenizer, captions: list[str]) -> Tensor:
    """Tokenise captions to ids padded to MAX_TOKENS, shape (n, MAX_TOKENS)."""
    ids: Tensor = tokenizer(
        captions,
        padding="max_length",
        max_length=MAX_TOKENS,
        truncation=True,
        return_tensors="pt",
    ).input_ids
    return ids


class CaptionReader(nn.Module):
    """Score every property of a picture by the mean of its caption's tokens."""

    def __init__(self, *, tokenizer: CLIPTokenizer) -> None:
        super().__init__()
        self.encoder = build_text_encoder(tokenizer=tokenizer)
        self.sizes = [len(values) + 1 for values in _PROPERTIES.values()]
        self.head = nn.Linear(TEXT_WIDTH, sum(self.sizes))

    def forward(self, ids: Tensor) -> list[Tensor]:
        """Return scores (n, values + 1) of every property for ids (n, MAX_TOKENS)."""
        tokens = self.encoder(ids).last_hidden_state
        scores: Tensor = self.head(tokens.mean(dim=1))
        return list(torch.split(scores, self.sizes, dim=1))


def label_spec(*, spec: Spec) -> list[int]:
    """Return the index of each property's value, the last one for "none of them"."""
    return [
        values.index(getattr(spec, name)) if hasattr(spec, name) else len(values)
        for name, values in _PROPERTIES.items()
    ]


def build_reader(*, tokenizer: CLIPTokenizer) -> CaptionReader:
    """Build the untrained reader, always with the same random weights."""
    torch.manual_seed(_SEED)
    return CaptionReader(tokenizer=tokenizer)


def train_text_encoder(
    *, rank: int, tokenizer_dir: Path, work_dir: Path, minutes: float, again: bool
) -> None:
    """Train the text encoder for a number of minutes, resuming from text.pt if there is one."""
    tokenizer = load_tokenizer(directory=tokenizer_dir)
    reader = build_reader(tokenizer=tokenizer)
    run = TrainingRun(
        path=work_dir / "text.pt",
        model=reader,
        rank=rank,
        minutes=minutes,
        peak_rate=_PEAK_RATE,
        average_decay=_AVERAGE_DECAY,
        again=again,
    )
    rng = np.random.default_rng([_SEED, run.step, rank])
    for _ in run.steps():
        specs = [sample_spec(rng=rng) for _ in range(_BATCH)]
        ids = tokenize(
            tokenizer=tokenizer, captions=[write_caption(spec=spec, rng=rng) for spec in specs]
        )
        labels = torch.tensor([label_spec(spec=spec) for spec in specs])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            scores = [score.float() for score in reader(ids)]
        losses = [
            functional.cross_entropy(score, labels[:, place]) for place, score in enumerate(scores)
        ]
        shapes = torch.tensor([isinstance(spec, ShapeSpec) for spec in specs])
        read = torch.stack(
            [score.argmax(1) == labels[:, place] for place, score in enumerate(scores)], dim=1
        )
        run.learn(
            loss=torch.stack(losses).sum(),
            read=float(read.float().mean()),
            shapes=float(read[shapes][:, :3].all(1).float().mean()),
        )


def load_text_encoder(*, work_dir: Path, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Load the averaged text encoder of the last checkpoint."""
    reader = build_reader(tokenizer=tokenizer)
    reader.load_state_dict(torch.load(work_dir / "text.pt", weights_only=True)["average"])
    encoder: CLIPTextModel = reader.encoder.eval().requires_grad_(requires_grad=False)
    return encoder
