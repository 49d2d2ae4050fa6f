"""The shipped ControlNet: small, safe to load, and it moves shapes to the drawn edges."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel
from safetensors.torch import load_file

from gpu_tasks.training.controlnet.evaluation import (
    CEILINGS,
    FLOORS,
    GROUPS,
    Task,
    evaluate_controlnet,
    find_failures,
    format_table,
    judge_task,
    sample_tasks,
)
from gpu_tasks.training.controlnet.export import WEIGHTS_LIMIT, WEIGHTS_NAME
from gpu_tasks.training.starter.world import COLORS, Picture

pytestmark = pytest.mark.usefixtures("one_thread")

PRODUCT = Path(__file__).resolve().parents[2] / "gpu_tasks"
CONTROLNET = PRODUCT / "starter_controlnet"


def draw_task(task: Task) -> Picture:
    """Draw what a prompt and its drawing ask for together."""
    cover = task.outline.cover()[..., None]
    ground, color = np.array(COLORS[task.spec.ground]), np.array(COLORS[task.spec.color])
    return np.asarray(ground * (1 - cover) + color * cover + 0.5, dtype=np.uint8)


def test_the_directory_is_small_and_holds_no_pickles() -> None:
    assert {path.name for path in CONTROLNET.iterdir()} == {
        "README.md",
        "config.json",
        "easel.json",
        WEIGHTS_NAME,
    }
    assert (CONTROLNET / WEIGHTS_NAME).stat().st_size <= WEIGHTS_LIMIT
    weights = load_file(CONTROLNET / WEIGHTS_NAME)
    assert {value.dtype for value in weights.values()} == {torch.float16}
    assert all(bool(value.isfinite().all()) for value in weights.values())


def test_the_catalogue_entry_is_complete() -> None:
    entry = json.loads((CONTROLNET / "easel.json").read_text(encoding="utf-8"))
    assert entry == {
        "key": "starter-edges",
        "name": "Easel Starter Edges",
        "kind": "controlnet",
        "base": "sd-1.5-class",
        "preprocessor": "canny",
        "license": "Apache-2.0",
        "commercial_use": True,
    }


def test_it_loads_as_float32_and_takes_drawings_in_colour() -> None:
    controlnet = ControlNetModel.from_pretrained(
        CONTROLNET, torch_dtype=torch.float32, use_safetensors=True, local_files_only=True
    )
    assert controlnet.config.conditioning_channels == 3
    assert {parameter.dtype for parameter in controlnet.parameters()} == {torch.float32}


def test_tasks_differ_from_their_drawings_as_their_group_says() -> None:
    tasks = sample_tasks(prompts=90)
    assert [task.group for task in tasks[:3]] == list(GROUPS)
    for task in tasks:
        assert 0.005 < task.drawing.mean() < 0.05
        same_shape = task.spec.shape == task.outline.shape
        assert same_shape == (task.group != "another shape told")
        if task.group == "another place told":
            assert task.spec.place != task.outline.name_place()
            assert task.spec.size != task.outline.name_size()


def test_the_measure_knows_a_picture_that_follows_from_one_that_does_not() -> None:
    first, second = sample_tasks(prompts=6)[0:6:3]
    followed = draw_task(first)
    elsewhere = draw_task(replace(first, outline=second.outline))

    figures = judge_task(
        task=first, controlled=followed, uncontrolled=elsewhere, other=second.drawing
    )

    assert figures["f_score"] == 1
    assert figures["offset"] < 0.5
    assert figures["color"] == figures["ground"] == 1
    assert figures["f_score_uncontrolled"] < 0.4
    assert figures["f_score_shuffled"] < 0.4
    assert figures["offset_uncontrolled"] > 5


def test_a_picture_without_a_shape_counts_as_far_away() -> None:
    task = sample_tasks(prompts=1)[0]
    empty = np.full((128, 128, 3), COLORS[task.spec.ground], dtype=np.uint8)
    figures = judge_task(task=task, controlled=empty, uncontrolled=empty, other=task.drawing)
    assert figures["f_score"] == figures["color"] == 0
    assert figures["offset"] == 64


def test_figures_beyond_their_limits_are_named() -> None:
    good = {**FLOORS, **CEILINGS}
    assert find_failures(figures=good) == []
    assert find_failures(figures={**good, "f_score": FLOORS["f_score"] - 0.01}) == ["f_score"]
    assert find_failures(figures={**good, "offset": CEILINGS["offset"] + 0.01}) == ["offset"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_shipped_controlnet_moves_shapes_to_the_drawn_edges() -> None:
    report = evaluate_controlnet(
        model_dir=PRODUCT / "starter_model", controlnet_dir=CONTROLNET, prompts=18
    )

    assert find_failures(figures=report["all"]) == [], format_table(report=report)
