"""A training run resumes where it stopped, and learns what it is told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as distributed

from gpu_tasks.training.starter.loop import TrainingRun
from gpu_tasks.training.starter.schedule import TimeBudget


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[None]:
    """A group of one process, which a run averages its gradients over."""
    meeting = f"file://{tmp_path / 'meeting'}"
    distributed.init_process_group("gloo", init_method=meeting, rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def make_run(path: Path, *, minutes: float, again: bool = False) -> TrainingRun:
    torch.manual_seed(0)
    run = TrainingRun(
        path=path,
        model=torch.nn.Linear(3, 1),
        rank=0,
        minutes=minutes,
        peak_rate=0.05,
        average_decay=0.9,
        again=again,
    )
    if not path.exists():
        # Past the warm-up, whose length is one of time.
        run.budget.spent = run.budget.seconds * 0.03
    return run


def train(run: TrainingRun, *, until: int) -> float:
    inputs = torch.randn(64, 3, generator=torch.Generator().manual_seed(1))
    targets = inputs @ torch.tensor([[1.0], [-2.0], [0.5]]) + 3
    loss = torch.tensor(torch.inf)
    for step in run.steps():
        loss = (run.model(inputs) - targets).square().mean()
        run.learn(loss=loss)
        if step + 1 >= until:
            run.budget.spent = run.budget.seconds
    return loss.item()


@pytest.mark.usefixtures("alone")
def test_a_run_learns_and_its_average_follows(tmp_path: Path) -> None:
    run = make_run(tmp_path / "line.pt", minutes=60)
    assert train(run, until=400) < 0.01
    assert run.step == 400
    assert float(run.average.state_dict()["bias"]) == pytest.approx(3.0, abs=0.1)


@pytest.mark.usefixtures("alone")
def test_a_run_resumes_from_its_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "line.pt"
    train(make_run(path, minutes=60), until=5)

    resumed = make_run(path, minutes=60)

    assert resumed.step == 5
    assert resumed.budget.is_over()
    assert list(resumed.steps()) == []
    assert make_run(path, minutes=60, again=True).budget.spent == 0


@pytest.mark.usefixtures("alone")
def test_a_step_that_is_not_finite_changes_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path / "line.pt", minutes=60)
    before = [value.clone() for value in run.model.parameters()]
    run.learn(loss=run.model(torch.ones(1, 3)).sum() * torch.nan)
    assert all(map(torch.equal, before, run.model.parameters()))


def test_a_suspension_hardly_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    budget = TimeBudget(minutes=10, warmup=0.1)
    woken = time.monotonic() + 3600
    monkeypatch.setattr(time, "monotonic", lambda: woken)
    budget.tick()
    assert budget.spent <= 10
