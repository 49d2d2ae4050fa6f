"""Measurement of whether the shipped ControlNet moves shapes to the drawn edges."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from diffusers import ControlNetModel, StableDiffusionControlNetPipeline, StableDiffusionPipeline
from PIL import Image

from gpu_tasks.training.controlnet.edges import Edges, paint_edges, score_edges, trace_edges
from gpu_tasks.training.controlnet.pairs import Outline, sample_outline
from gpu_tasks.training.starter.captions import write_evaluation_caption
from gpu_tasks.training.starter.catalog import DEFAULT_GUIDANCE, DEFAULT_STEPS
from gpu_tasks.training.starter.evaluation import judge_shapes
from gpu_tasks.training.starter.world import (
    PLACES,
    SHAPES,
    SIDE,
    SIZES,
    Picture,
    ShapeSpec,
    sample_shapes,
)

# Least ratios and shares, and the farthest distance in pixels.
FLOORS: Final = {
    "f_score": 0.55,
    "over_uncontrolled": 3.0,
    "over_shuffled": 3.0,
    "color": 0.85,
    "ground": 0.9,
}
CEILINGS: Final = {"offset": 4.0}

# How the prompt and the drawing differ.
GROUPS: Final = ("no place told", "another place told", "another shape told")
TOLERANCE: Final = 2.0

# What the product's preprocessor takes by default; drawings and pictures are seen alike.
THRESHOLDS: Final = (100.0, 200.0)
_FRAME: Final = 4
_FAINTEST: Final = 30
_SEED: Final = 6007
_BATCH: Final = 20

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """Hold a prompt, what it says, the outline that is drawn, and how the two differ."""

    prompt: str
    spec: ShapeSpec
    outline: Outline
    group: str

    @property
    def drawing(self) -> Edges:
        """Return the edges of the outline, as the preprocessor finds them in white on black."""
        solid = np.asarray(self.outline.cover() * 255 + 0.5, dtype=np.uint8)
        low, high = THRESHOLDS
        return trace_edges(picture=solid, low=low, high=high)


def sample_task(*, group: str, rng: np.random.Generator) -> Task:
    """Sample a prompt of one shape and a drawing that differs from it as the group says.

    A prompt that tells no place leaves out the size as well; the starter model then puts the
    shape into the middle or anywhere.
    """
    spec = replace(sample_shapes(rng=rng), count=1)
    outline = sample_outline(shape=spec.shape, rng=rng)
    if group == "another place told":
        places = [place for place in PLACES if place != outline.name_place()]
        sizes = [size for size in SIZES if size != outline.name_size()]
        spec = replace(spec, place=str(rng.choice(places)), size=str(rng.choice(sizes)))
    else:
        spec = replace(spec, place="center", size="medium")
    if group == "another shape told":
        shapes = [shape for shape in SHAPES if shape != outline.shape]
        spec = replace(spec, shape=str(rng.choice(shapes)))
    if group == "another place told":
        prompt = write_evaluation_caption(spec=spec, rng=rng)
    else:
        article = "an" if spec.color[0] in "aeiou" else "a"
        prompt = f"{article} {spec.color} {spec.shape} on a {spec.ground} background"
    return Task(prompt, spec, outline, group)


def sample_tasks(*, prompts: int) -> list[Task]:
    """Sample tasks, the groups in turn."""
    rng = np.random.default_rng(_SEED)
    return [sample_task(group=GROUPS[place % len(GROUPS)], rng=rng) for place in range(prompts)]


def generate_pictures(
    *, pipeline: Any, tasks: list[Task], controlled: bool
) -> npt.NDArray[np.uint8]:
    """Generate one picture a task in batches, 8-bit RGB, shape (n, SIDE, SIDE, 3).

    The noise of a task is the same with and without control.
    """
    pictures = []
    for start in range(0, len(tasks), _BATCH):
        batch = tasks[start : start + _BATCH]
        drawings = [Image.fromarray(paint_edges(edges=task.drawing)) for task in batch]
        generated: npt.NDArray[np.float32] = pipeline(
            [task.prompt for task in batch],
            num_inference_steps=DEFAULT_STEPS,
            guidance_scale=DEFAULT_GUIDANCE,
            width=SIDE,
            height=SIDE,
            output_type="np",
            generator=torch.Generator().manual_seed(_SEED + start),
            **({"image": drawings} if controlled else {}),
        ).images
        pictures.append((generated * 255 + 0.5).astype(np.uint8))
        logger.info("generated %d of %d pictures", start + len(generated), len(tasks))
    return np.concatenate(pictures)


def find_center(*, picture: Picture) -> tuple[float, float] | None:
    """Return the centre of mass (x, y) in pixels of what differs from the ground, if anything.

    The ground is the median of the frame; what differs by more than half of the strongest
    difference is the shape, as in the rules that judge the starter model.
    """
    pixels = picture.astype(np.float64)
    frame = np.ones(picture.shape[:2], dtype=bool)
    frame[_FRAME:-_FRAME, _FRAME:-_FRAME] = False
    difference = np.linalg.norm(pixels - np.median(pixels[frame], axis=0), axis=2)
    peak = float(np.percentile(difference, 99.3))
    if peak < _FAINTEST:
        return None
    rows, columns = np.nonzero(difference > 0.5 * peak)
    return float(columns.mean() + 0.5), float(rows.mean() + 0.5)


def measure_offset(*, picture: Picture, outline: Outline) -> float:
    """Return how far a picture's shape lies from the drawn one, in pixels.

    A picture without a shape counts as half a side away.
    """
    found = find_center(picture=picture)
    if found is None:
        return SIDE / 2
    rows, columns = np.nonzero(outline.cover() > 0.5)
    return float(np.hypot(found[0] - columns.mean() - 0.5, found[1] - rows.mean() - 0.5))


def judge_task(
    *, task: Task, controlled: Picture, uncontrolled: Picture, other: Edges
) -> dict[str, float]:
    """Measure one picture against its drawing, its twin without control, and another drawing."""
    low, high = THRESHOLDS
    drawn = task.drawing
    found = trace_edges(picture=controlled, low=low, high=high)
    twin = trace_edges(picture=uncontrolled, low=low, high=high)
    verdict = judge_shapes(spec=task.spec, picture=controlled)
    return {
        "f_score": score_edges(found=found, drawn=drawn, distance=TOLERANCE),
        "f_score_uncontrolled": score_edges(found=twin, drawn=drawn, distance=TOLERANCE),
        "f_score_shuffled": score_edges(found=found, drawn=other, distance=TOLERANCE),
        "offset": measure_offset(picture=controlled, outline=task.outline),
        "offset_uncontrolled": measure_offset(picture=uncontrolled, outline=task.outline),
        "color": float(verdict["color"]),
        "ground": float(verdict["ground"]),
    }


def summarize(*, verdicts: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean of every figure, the ratios of means, and the number of pictures."""
    means = {
        name: sum(verdict[name] for verdict in verdicts) / len(verdicts) for name in verdicts[0]
    }
    return {
        **means,
        "over_uncontrolled": means["f_score"] / max(means["f_score_uncontrolled"], 1e-6),
        "over_shuffled": means["f_score"] / max(means["f_score_shuffled"], 1e-6),
        "pictures": float(len(verdicts)),
    }


def make_pictures(
    *, model_dir: Path, controlnet_dir: Path, tasks: list[Task]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Generate every task with and without control, through the pipelines of diffusers."""
    controlnet = ControlNetModel.from_pretrained(
        controlnet_dir,
        torch_dtype=torch.float32,
        use_safetensors=True,
        local_files_only=True,
    )
    plain = StableDiffusionPipeline.from_pretrained(
        model_dir, use_safetensors=True, local_files_only=True
    )
    steered = StableDiffusionControlNetPipeline(
        **plain.components, controlnet=controlnet, requires_safety_checker=False
    )
    made = []
    for pipeline, controlled in ((steered, True), (plain, False)):
        pipeline.set_progress_bar_config(disable=True)
        began = time.monotonic()
        made.append(generate_pictures(pipeline=pipeline, tasks=tasks, controlled=controlled))
        logger.info("%.2f seconds a picture", (time.monotonic() - began) / len(tasks))
    return made[0], made[1]


def evaluate_controlnet(
    *, model_dir: Path, controlnet_dir: Path, prompts: int
) -> dict[str, dict[str, float]]:
    """Generate and judge; return the figures of "all" tasks and of each group.

    The shuffled drawing of a task is that of the next task of its group.
    """
    tasks = sample_tasks(prompts=prompts)
    controlled, uncontrolled = make_pictures(
        model_dir=model_dir, controlnet_dir=controlnet_dir, tasks=tasks
    )
    verdicts = [
        judge_task(
            task=task,
            controlled=controlled[place],
            uncontrolled=uncontrolled[place],
            other=tasks[(place + len(GROUPS)) % len(tasks)].drawing,
        )
        for place, task in enumerate(tasks)
    ]
    report = {"all": summarize(verdicts=verdicts)}
    for group in GROUPS:
        chosen = [
            verdict for task, verdict in zip(tasks, verdicts, strict=True) if task.group == group
        ]
        if chosen:
            report[group] = summarize(verdicts=chosen)
    return report


def find_failures(*, figures: dict[str, float]) -> list[str]:
    """List the figures of all tasks that miss what the model card claims."""
    low = [name for name, floor in FLOORS.items() if figures[name] < floor]
    high = [name for name, ceiling in CEILINGS.items() if figures[name] > ceiling]
    return low + high


def format_table(*, report: dict[str, dict[str, float]]) -> str:
    """Format the figures as a Markdown table, groups as columns."""
    limits = {name: f"≥ {floor:g}" for name, floor in FLOORS.items()}
    limits |= {name: f"≤ {ceiling:g}" for name, ceiling in CEILINGS.items()}
    lines = [
        "| figure | " + " | ".join(report) + " | limit |",
        "|---|" + "---|" * (len(report) + 1),
    ]
    for name in report["all"]:
        cells = " | ".join(f"{figures[name]:.3g}" for figures in report.values())
        lines.append(f"| {name} | {cells} | {limits.get(name, '–')} |")
    return "\n".join(lines)
