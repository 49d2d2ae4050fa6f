"""Measurement of how well the shipped model follows prompts it never saw."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from diffusers import StableDiffusionPipeline

from gpu_tasks.training.starter.captions import write_evaluation_caption
from gpu_tasks.training.starter.catalog import DEFAULT_GUIDANCE, DEFAULT_STEPS
from gpu_tasks.training.starter.classifier import classify_scenes, train_classifier
from gpu_tasks.training.starter.korean import write_korean_caption
from gpu_tasks.training.starter.rules import read_picture
from gpu_tasks.training.starter.world import (
    SIDE,
    SceneSpec,
    ShapeSpec,
    Spec,
    is_held_out,
    sample_scene,
    sample_shapes,
)

FLOORS: Final = {
    "ground": 0.90,
    "color": 0.90,
    "count": 0.75,
    "shape": 0.75,
    "place": 0.75,
    "scene": 0.75,
}
_SEED: Final = 4711
_SCENE_SHARE: Final = 0.3
_HELD_OUT_SHARE: Final = 0.2
_BATCH: Final = 20

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """Hold one prompt of the evaluation, what it asks for and to which group it belongs."""

    prompt: str
    spec: Spec
    group: str


def sample_tasks(*, prompts: int, korean: int = 0) -> list[Task]:
    """Sample English prompts in reserved wordings, and Korean ones reported separately.

    Three in ten ask for landscapes; a fifth of the others ask for a combination of colour,
    shape and place that was held out of training.
    """
    rng = np.random.default_rng(_SEED)
    tasks: list[Task] = []
    for _ in range(prompts + korean):
        spec: Spec
        group = "seen"
        if rng.random() < _SCENE_SHARE:
            spec = sample_scene(rng=rng)
        else:
            held_out = bool(rng.random() < _HELD_OUT_SHARE)
            spec = sample_shapes(rng=rng)
            while is_held_out(spec=spec) != held_out:
                spec = sample_shapes(rng=rng)
            group = "held out" if held_out else "seen"
        if len(tasks) < prompts:
            tasks.append(Task(write_evaluation_caption(spec=spec, rng=rng), spec, group))
        else:
            tasks.append(Task(write_korean_caption(spec=spec, rng=rng), spec, "korean"))
    return tasks


def generate_pictures(
    *, pipeline: StableDiffusionPipeline, prompts: list[str], steps: int, guidance: float, seed: int
) -> npt.NDArray[np.uint8]:
    """Generate one picture a prompt in batches, 8-bit RGB, shape (n, SIDE, SIDE, 3)."""
    pictures = []
    for start in range(0, len(prompts), _BATCH):
        generated: npt.NDArray[np.float32] = pipeline(
            prompts[start : start + _BATCH],
            num_inference_steps=steps,
            guidance_scale=guidance,
            width=SIDE,
            height=SIDE,
            output_type="np",
            generator=torch.Generator().manual_seed(seed + start),
        ).images
        pictures.append((generated * 255 + 0.5).astype(np.uint8))
        logger.info("generated %d of %d pictures", start + len(generated), len(prompts))
    return np.concatenate(pictures)


def judge_shapes(*, spec: ShapeSpec, picture: npt.NDArray[np.uint8]) -> dict[str, bool]:
    """Compare what the pixel rules read in a picture with what was asked for."""
    reading = read_picture(picture=picture)
    verdict = {
        "ground": reading.ground == spec.ground,
        "color": reading.color == spec.color,
        "count": reading.count == spec.count,
        "shape": reading.shape == spec.shape,
    }
    if spec.count == 1:
        verdict["place"] = reading.place == spec.place
    return verdict


def judge_scene(*, spec: SceneSpec, told: tuple[str, str, str], prompt: str) -> dict[str, bool]:
    """Compare land and sky, and the body of light if the prompt names one."""
    land, sky, body = told
    verdict = {
        "land": land == spec.land,
        "sky": sky == spec.sky,
        "scene": land == spec.land and sky == spec.sky,
    }
    named = any(word in prompt for word in ("sun ", "sun,", "moon", "해가", "태양", "달이"))
    if spec.body != "none" and (named or prompt.endswith("sun")):
        verdict["body"] = body == spec.body
    return verdict


def judge_pictures(
    *, tasks: list[Task], pictures: npt.NDArray[np.uint8], work_dir: Path
) -> list[dict[str, bool]]:
    """Judge every picture by the properties its prompt asks for."""
    told = classify_scenes(model=train_classifier(work_dir=work_dir), pictures=pictures)
    return [
        judge_shapes(spec=task.spec, picture=picture)
        if isinstance(task.spec, ShapeSpec)
        else judge_scene(spec=task.spec, told=scene, prompt=task.prompt)
        for task, picture, scene in zip(tasks, pictures, told, strict=True)
    ]


def summarize(*, verdicts: list[dict[str, bool]]) -> dict[str, tuple[float, int]]:
    """Return accuracy and number of judged pictures by property."""
    collected: dict[str, list[bool]] = {}
    for verdict in verdicts:
        for name, right in verdict.items():
            collected.setdefault(name, []).append(right)
    return {name: (sum(values) / len(values), len(values)) for name, values in collected.items()}


def evaluate_model(
    *,
    model_dir: Path,
    work_dir: Path,
    prompts: int,
    korean: int = 0,
    steps: int = DEFAULT_STEPS,
    guidance: float = DEFAULT_GUIDANCE,
) -> dict[str, dict[str, tuple[float, int]]]:
    """Generate and judge; return accuracies of "all" English prompts and of each group."""
    pipeline = StableDiffusionPipeline.from_pretrained(model_dir)
    pipeline.set_progress_bar_config(disable=True)
    tasks = sample_tasks(prompts=prompts, korean=korean)
    began = time.monotonic()
    pictures = generate_pictures(
        pipeline=pipeline,
        prompts=[task.prompt for task in tasks],
        steps=steps,
        guidance=guidance,
        seed=_SEED,
    )
    logger.info("%.2f seconds a picture", (time.monotonic() - began) / len(tasks))
    verdicts = judge_pictures(tasks=tasks, pictures=pictures, work_dir=work_dir)
    paired = list(zip(tasks, verdicts, strict=True))
    groups = {"all": [verdict for task, verdict in paired if task.group != "korean"]}
    for group in ("seen", "held out", "korean"):
        chosen = [verdict for task, verdict in paired if task.group == group]
        if chosen:
            groups[group] = chosen
    return {group: summarize(verdicts=chosen) for group, chosen in groups.items()}


def find_failures(*, accuracies: dict[str, tuple[float, int]]) -> list[str]:
    """List the properties whose accuracy over all English prompts is below its floor."""
    return [
        name for name, floor in FLOORS.items() if name in accuracies and accuracies[name][0] < floor
    ]


def format_table(*, report: dict[str, dict[str, tuple[float, int]]]) -> str:
    """Format the accuracies as a Markdown table, groups as columns."""
    names = ("ground", "color", "count", "shape", "place", "scene", "land", "sky", "body")
    lines = [
        "| property | " + " | ".join(report) + " | floor |",
        "|---|" + "---|" * (len(report) + 1),
    ]
    for name in names:
        cells = []
        for group in report.values():
            accuracy, count = group.get(name, (0.0, 0))
            cells.append(f"{accuracy:.1%} ({count})" if count else "–")
        floor = f"{FLOORS[name]:.0%}" if name in FLOORS else "–"
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {floor} |")
    return "\n".join(lines)
