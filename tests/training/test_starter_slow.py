"""Prompt following of the shipped model over 160 prompts it never saw."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpu_tasks.training.starter.evaluation import evaluate_model, find_failures, format_table

MODEL = Path(__file__).resolve().parents[2] / "gpu_tasks" / "starter_model"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("ignore")
def test_the_shipped_model_follows_prompts(tmp_path: Path) -> None:
    report = evaluate_model(model_dir=MODEL, work_dir=tmp_path, prompts=160)

    assert find_failures(accuracies=report["all"]) == [], format_table(report=report)
