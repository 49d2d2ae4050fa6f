"""One production-like run for all tests of this folder, started as `make prod-like` does."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.local.placement import temporary_home
from config.local.production_like.machine import FOLDER, STATE_FILE, State
from tests.production.client import Visitor
from tests.production.run import Run
from tests.stack import ROOT, free_port, wait_until

START_SECONDS = 600


@pytest.fixture(scope="session")
def run() -> Iterator[Run]:
    """Bring one up on empty folders, and see that it ends and leaves nothing behind."""
    var_dir = temporary_home(None)
    var_dir.chmod(0o711)
    log = var_dir / "output"
    environment = {
        # The servers of the tests are none of its business.
        **{name: value for name, value in os.environ.items() if not name.startswith("EASEL_")},
        "EASEL_VAR_DIR": str(var_dir),
        "EASEL_PORT": str(free_port()),
        "EASEL_LEASE_SECONDS": "5",
        "EASEL_SWEEP_SECONDS": "1",
        "EASEL_RATE_LIMIT_SCALE": "1000",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "config.local.production_like"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for_greeting(process, log)
        yield Run(State.load(var_dir), var_dir)
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=600)
    assert code == 0, log.read_text()
    assert "Everything is stopped." in log.read_text()
    assert not _still_working_in(var_dir)


@pytest.fixture
def demo(run: Run) -> Iterator[Visitor]:
    """Someone on the plan studio, whose jobs go to the larger GPU."""
    with Visitor(run.state, "demo") as visitor:
        yield visitor


@pytest.fixture
def newcomer(run: Run) -> Iterator[Visitor]:
    """Someone on trial, whose jobs go to the small GPU."""
    with Visitor(run.state, "newcomer") as visitor:
        yield visitor


def _wait_for_greeting(process: subprocess.Popen[bytes], log: Path) -> None:
    def is_up() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"it ended at its start:\n{log.read_text()[-4000:]}")
        return "Ctrl-C stops it" in log.read_text()

    wait_until(is_up, seconds=START_SECONDS, what="the start of a production-like run")
    assert (log.parent / FOLDER / STATE_FILE).stat().st_mode & 0o077 == 0


def _still_working_in(folder: Path) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command:
            found.append(command)
    return found
