from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from gpu_tasks.engine import GenerationRequest, ModelSource
from gpu_tasks.engine.guides import HighRes, Mask, Outpaint, Upscale
from gpu_tasks.engine.pictures.canvas import Box
from gpu_tasks.engine.plans import CallPlan, plan_calls
from gpu_tasks.engine.tasks_of_calls import Task

PICTURE = Image.new("RGB", (64, 64))


def request(**changes: object) -> GenerationRequest:
    arguments: dict[str, object] = {
        "prompt": "a tree",
        "width": 128,
        "height": 192,
        "steps": 10,
        "guidance_scale": 4.0,
        "scheduler": "ddim",
        "seed": 1,
        "model_key": "tiny",
    }
    return GenerationRequest(**(arguments | changes))  # type: ignore[arg-type]


def whole(task: Task, *, strength: float | None = None, by_refiner: bool = False) -> CallPlan:
    return CallPlan(
        task=task, width=128, height=192, steps=10, strength=strength, by_refiner=by_refiner
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [whole(Task.TXT2IMG)]),
        ({"references": (PICTURE,)}, [whole(Task.REFERENCE)]),
        ({"init_image": PICTURE}, [whole(Task.IMG2IMG, strength=0.75)]),
        ({"init_image": PICTURE, "strength": 0.3}, [whole(Task.IMG2IMG, strength=0.3)]),
        (
            {"init_image": PICTURE, "strength": 1.0, "mask": Mask(image=PICTURE)},
            [whole(Task.INPAINT, strength=1.0)],
        ),
        (
            {"init_image": PICTURE, "outpaint": Outpaint(left=8)},
            [whole(Task.INPAINT, strength=0.75)],
        ),
        (
            {"high_res": HighRes(scale=2.0, strength=0.4)},
            [
                CallPlan(task=Task.TXT2IMG, width=64, height=96, steps=10),
                whole(Task.IMG2IMG, strength=0.4),
            ],
        ),
        # Less than one step of the second pass: the enlarged picture stays as it is.
        (
            {"high_res": HighRes(scale=1.5, strength=0.05)},
            [CallPlan(task=Task.TXT2IMG, width=88, height=128, steps=10)],
        ),
        (
            {"refiner": ModelSource(key="r", path=Path("/r")), "refiner_strength": 0.3},
            [whole(Task.TXT2IMG), whole(Task.IMG2IMG, strength=0.3, by_refiner=True)],
        ),
    ],
)
def test_each_request_has_its_calls(changes: dict[str, object], expected: list[CallPlan]) -> None:
    assert plan_calls(request(**changes), size_multiple=8) == expected


def test_an_upscale_has_a_call_for_each_tile_and_none_without_strength() -> None:
    tiles = [Box(0, 0, 96, 96), Box(32, 0, 128, 96)]

    refined = request(init_image=PICTURE, upscale=Upscale(strength=0.5, tile=96, overlap=16))
    plain = request(init_image=PICTURE, upscale=Upscale(strength=0.0))

    assert plan_calls(refined, size_multiple=8, tiles=tiles) == [
        CallPlan(task=Task.IMG2IMG, width=96, height=96, steps=10, strength=0.5, tile=tile)
        for tile in tiles
    ]
    assert plan_calls(plain, size_multiple=8, tiles=tiles) == []


def test_the_steps_of_a_call_follow_from_its_strength() -> None:
    assert whole(Task.TXT2IMG).denoising_steps == 10
    assert whole(Task.IMG2IMG, strength=0.39).denoising_steps == 3
