"""A small classifier that tells land, sky and body of light of a landscape."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from gpu_tasks.training.starter.drawing import draw_picture
from gpu_tasks.training.starter.world import BODIES, LANDS, SKIES, SceneSpec, sample_scene

_SEED: Final = 31
_SIDE: Final = 64
_PICTURES: Final = 4000
_EPOCHS: Final = 6
_BATCH: Final = 50

logger = logging.getLogger(__name__)


class SceneClassifier(nn.Module):
    """Map pictures (n, 3, 64, 64) in [-1, 1] to scores of lands, skies and bodies."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        previous = 3
        for width in (16, 32, 64, 96):
            layers += [
                nn.Conv2d(previous, width, 3, stride=2, padding=1),
                nn.GroupNorm(2, width),
                nn.SiLU(),
            ]
            previous = width
        self.body = nn.Sequential(*layers, nn.Conv2d(previous, 128, 3, padding=1), nn.SiLU())
        self.head = nn.Linear(256, len(LANDS) + len(SKIES) + len(BODIES))

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Return the scores of lands (n, 6), skies (n, 4) and bodies (n, 4)."""
        cells = self.body(pictures)
        pooled = torch.cat([cells.mean(dim=(2, 3)), cells.amax(dim=(2, 3))], dim=1)
        scores: Tensor = self.head(pooled)
        return list(torch.split(scores, [len(LANDS), len(SKIES), len(BODIES)], dim=1))


def shrink_pictures(*, pictures: npt.NDArray[np.uint8]) -> Tensor:
    """Turn 8-bit pictures (n, h, w, 3) into floats in [-1, 1], shape (n, 3, 64, 64)."""
    tensor = torch.from_numpy(pictures.copy()).permute(0, 3, 1, 2).float() / 127.5 - 1
    return functional.interpolate(tensor, size=(_SIDE, _SIDE), mode="area")


def draw_scenes(*, count: int, seed: int) -> tuple[list[SceneSpec], npt.NDArray[np.uint8]]:
    """Draw landscapes that are in no training set, pictures (n, SIDE, SIDE, 3)."""
    specs, pictures = [], []
    for index in range(count):
        rng = np.random.default_rng([_SEED, seed, index])
        spec = sample_scene(rng=rng)
        specs.append(spec)
        pictures.append(draw_picture(spec=spec, rng=rng))
    return specs, np.stack(pictures)


def blur_some(*, pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Blur half of the pictures (n, 3, h, w), as an autoencoder does."""
    coarse = functional.interpolate(pictures, scale_factor=0.5, mode="area")
    blurred = functional.interpolate(coarse, size=pictures.shape[-2:], mode="bilinear")
    chosen = torch.rand(len(pictures), generator=generator) < 0.5
    return torch.where(chosen[:, None, None, None], blurred, pictures)


def train_classifier(*, work_dir: Path, pictures: int = _PICTURES) -> SceneClassifier:
    """Train the classifier on drawn pictures, or load scene_classifier.pt."""
    torch.manual_seed(_SEED)
    model = SceneClassifier()
    path = work_dir / "scene_classifier.pt"
    if path.exists():
        model.load_state_dict(torch.load(path, weights_only=True))
        return model.eval()
    specs, drawn = draw_scenes(count=pictures, seed=0)
    inputs = shrink_pictures(pictures=drawn)
    targets = torch.tensor(
        [(LANDS.index(spec.land), SKIES.index(spec.sky), BODIES.index(spec.body)) for spec in specs]
    )
    generator = torch.Generator().manual_seed(_SEED)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-3)
    steps = _EPOCHS * (len(specs) // _BATCH)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps)
    for step in range(steps):
        chosen = torch.randint(len(specs), (_BATCH,), generator=generator)
        batch = blur_some(pictures=inputs[chosen], generator=generator)
        scores = model(batch)
        losses = [
            functional.cross_entropy(score, targets[chosen, place])
            for place, score in enumerate(scores)
        ]
        optimizer.zero_grad()
        torch.autograd.backward(torch.stack(losses).sum())
        optimizer.step()
        scheduler.step()
        if step % 100 == 0:
            logger.info("classifier step %d, loss %.3f", step, float(sum(losses)))
    work_dir.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), path)
    return model.eval()


@torch.no_grad()
def classify_scenes(
    *, model: SceneClassifier, pictures: npt.NDArray[np.uint8]
) -> list[tuple[str, str, str]]:
    """Name land, sky and body of light of every picture (n, h, w, 3)."""
    lands, skies, bodies = (
        scores.argmax(dim=1).tolist() for scores in model(shrink_pictures(pictures=pictures))
    )
    return [
        (LANDS[land], SKIES[sky], BODIES[body])
        for land, sky, body in zip(lands, skies, bodies, strict=True)
    ]
