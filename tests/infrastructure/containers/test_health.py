"""The health checks of the containers, run as the container runs them."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config.local.install import ROOT


def _check(name: str, *words: str, **settings: str) -> int:
    program = ROOT / "docker" / "health" / f"{name}.py"
    return subprocess.run(
        [sys.executable, str(program), *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), **settings},
        check=False,
    ).returncode


@pytest.mark.parametrize(("age", "code"), [(0, 0), (100, 0), (150, 1)])
def test_a_worker_lives_while_it_marks_its_file(age: int, code: int, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    mark.touch()
    os.utime(mark, (time.time() - age,) * 2)
    assert _check("worker", EASEL_HEARTBEAT_PATH=str(mark)) == code


def test_a_worker_without_a_mark_is_not_well(tmp_path: Path) -> None:
    assert _check("worker", EASEL_HEARTBEAT_PATH=str(tmp_path / "mark")) == 1


def test_a_web_process_that_does_not_answer_is_not_well() -> None:
    assert _check("web", "http://127.0.0.1:9/api/v1/app/version") == 1
