"""A LoRA trained on the starter model: it learns a style, survives being killed, leaves nothing.

The style: whatever is drawn is posterised by its lightness into four colours, from deep purple to
peach, that the starter's own pictures hardly have.
"""

from __future__ import annotations

import gc
import logging
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil
import pytest
import torch
from PIL import Image, ImageOps
from safetensors.torch import load_file

from gpu_tasks.engine import Engine, GenerationRequest
from gpu_tasks.engine.guides import AddOn, Lora
from gpu_tasks.training.lora import RateSchedule, TrainingImage, TrainingSettings, train_lora
from gpu_tasks.training.lora.reading import with_trigger
from tests.training.lora_program import (
    SAVE_EVERY,
    SETTINGS,
    STARTER,
    STEPS,
    draw_images,
)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
PALETTE = np.array([(30, 16, 60), (120, 30, 110), (240, 90, 90), (255, 190, 120)], np.uint8)
STYLE = TrainingSettings(
    trigger="zorn style",
    rank=16,
    alpha=16,
    steps=300,
    save_every=300,
    batch_size=4,
    resolution=128,
    learning_rate=0.003,
    schedule=RateSchedule.COSINE,
    warmup_steps=20,
    trains_convolutions=True,
    trains_text_encoder=True,
    preservation=1.0,
)
PICTURES = 16
PROMPTS = 12
# Megabytes that a process may grow by over three trainings after its first.
GROWTH = 60


def posterise(picture: Image.Image) -> Image.Image:
    lightness = np.asarray(ImageOps.autocontrast(picture.convert("L")), dtype=int)
    return Image.fromarray(PALETTE[lightness // 64])


def away_from_palette(pictures: Sequence[Image.Image]) -> float:
    """Return how far pixels lie from the nearest colour of the style, on average, in RGB."""
    pixels = np.stack([np.asarray(picture, dtype=float) for picture in pictures])
    distances = np.linalg.norm(pixels[..., None, :] - PALETTE.astype(float), axis=-1)
    return float(distances.min(axis=-1).mean())


def histogram(pictures: Sequence[Image.Image]) -> npt.NDArray[np.float64]:
    pixels = np.stack([np.asarray(picture) for picture in pictures]).reshape(-1, 3)
    counts, _ = np.histogramdd(pixels, bins=8, range=[(0, 256)] * 3)
    return np.asarray(counts / counts.sum(), dtype=np.float64)


def away_from_style(pictures: Sequence[Image.Image], style: Sequence[Image.Image]) -> float:
    """Return the total variation between the colours of both, 0 to 1."""
    return 0.5 * float(np.abs(histogram(pictures) - histogram(style)).sum())


def change(ones: Sequence[Image.Image], others: Sequence[Image.Image]) -> float:
    """Return by how much channels differ, on average, of 255."""
    return float(
        np.mean(
            [
                np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float)).mean()
                for one, other in zip(ones, others, strict=True)
            ]
        )
    )


@pytest.mark.timeout(3600)
def test_a_style_is_learned_and_other_prompts_are_left_alone(tmp_path: Path) -> None:
    engine = Engine(device="cpu")
    images = [
        TrainingImage(posterise(image.picture), image.caption)
        for image in draw_images(count=PICTURES, seed=5)
    ]
    style = [image.picture for image in images]
    prompts = [image.caption for image in draw_images(count=PROMPTS, seed=77)]
    assert not {image.caption for image in images} & set(prompts)
    file = tmp_path / "style.safetensors"

    trained = train_lora(STARTER, images, STYLE, engine=engine)

    file.write_bytes(trained.weights)
    lora = Lora(source=AddOn(key="style", path=file), weight=1.0)

    def draw(*, called: bool, loras: Sequence[Lora]) -> list[Image.Image]:
        return [
            engine.generate(
                GenerationRequest(
                    prompt=with_trigger(prompt, STYLE) if called else prompt,
                    width=128,
                    height=128,
                    steps=20,
                    guidance_scale=2.0,
                    scheduler="ddim",
                    seed=seed,
                    model_key=STARTER.key,
                    loras=loras,
                ),
                source=STARTER,
            ).images[0]
            for seed, prompt in enumerate(prompts)
        ]

    before, before_called = draw(called=False, loras=()), draw(called=True, loras=())
    after, after_called = draw(called=False, loras=[lora]), draw(called=True, loras=[lora])
    figures: dict[str, list[float]] = {
        "palette": [*map(away_from_palette, (before, before_called, after, after_called))],
        "colours": [away_from_style(p, style) for p in (before_called, after_called)],
        "change": [change(before, after), change(before_called, after_called)],
        "losses": [float(np.mean(part)) for part in (trained.losses[:30], trained.losses[-30:])],
    }
    logger.info("style: %s", figures)
    # Called by its word, the LoRA brings pictures towards the style, and far more than the word
    # does by itself,
    plain, word, uncalled, called = figures["palette"]
    assert called < 0.75 * word
    assert plain - word < 0.6 * (plain - called)
    assert figures["colours"][1] < figures["colours"][0] - 0.12
    # and leaves what is not called where it was.
    assert uncalled > 0.8 * plain
    assert figures["change"][0] < 0.45 * figures["change"][1]
    assert figures["losses"][1] < 0.6 * figures["losses"][0]


def run_program(directory: Path, *, kill_after: int | None = None) -> list[int]:
    """Run the training program in a directory; return the steps it took until it ended."""
    directory.mkdir(exist_ok=True)
    steps: list[int] = []
    with subprocess.Popen(
        [sys.executable, "-m", "tests.training.lora_program", str(directory)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if not line.strip().isdigit():
                continue
            steps.append(int(line))
            if steps[-1] == kill_after:
                process.kill()
                break
    assert process.returncode == (0 if kill_after is None else -9)
    return steps


@pytest.mark.timeout(1800)
def test_a_training_killed_at_three_points_ends_as_the_undisturbed_one(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    assert run_program(whole) == list(range(1, STEPS + 1))

    killed = tmp_path / "killed"
    early, middle, late = SAVE_EVERY // 2, SAVE_EVERY + SAVE_EVERY // 2, 2 * SAVE_EVERY + 7
    run_program(killed, kill_after=early)
    assert not (killed / "checkpoint.safetensors").exists()
    assert run_program(killed, kill_after=middle)[0] == 1
    assert run_program(killed, kill_after=late)[0] == SAVE_EVERY + 1
    assert not (killed / "lora.safetensors").exists()
    assert run_program(killed) == list(range(2 * SAVE_EVERY + 1, STEPS + 1))

    expected = load_file(whole / "lora.safetensors")
    found = load_file(killed / "lora.safetensors")
    assert expected.keys() == found.keys()
    assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())
    assert (killed / "losses.txt").read_text() == (whole / "losses.txt").read_text()


@pytest.mark.timeout(900)
def test_trainings_give_their_memory_back() -> None:
    engine = Engine(device="cpu")
    images = draw_images(count=4, seed=1)
    settings = replace(SETTINGS, steps=3)
    process = psutil.Process()
    grown: list[float] = []
    for _ in range(4):
        train_lora(STARTER, images, settings, engine=engine)
        gc.collect()
        grown.append(process.memory_info().rss / 1024**2)

    assert grown[-1] - grown[0] < GROWTH, grown
