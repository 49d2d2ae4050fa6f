"""Prompt following of the shipped model over 500 prompts it never saw."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpu_tasks.training.starter.evaluation import evaluate_model, format_table

MODEL = Path(__file__).resolve().parents[2] / "gpu_tasks" / "starter_model"

# What its card says, less five points. The goal is higher (`evaluation.FLOORS`, by which the
# command fails): colour of the shapes, their kind and their place are not there yet.
LEAST = {"ground": 0.89, "color": 0.80, "count": 0.73, "shape": 0.15, "place": 0.28, "scene": 0.94}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("ignore")
def test_the_shipped_model_follows_prompts_as_its_card_says(tmp_path: Path) -> None:
    report = evaluate_model(model_dir=MODEL, work_dir=tmp_path, prompts=500)

    worse = {name for name, least in LEAST.items() if report["all"][name][0] < least}
    assert not worse, format_table(report=report)
