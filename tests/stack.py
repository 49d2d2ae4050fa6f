"""The real processes of the product, started as in production, for tests and benchmarks."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.database import login_url

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 180.0


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Poll until `condition` holds.

    Raises:
        TimeoutError: it did not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Stack:
    """Web, worker and scheduler as child processes on the servers that `environment` names.

    Each signs in to the database with the login of its kind, as in production.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = {**os.environ, **environment}
        self.port = free_port()
        self.logs = Path(tempfile.mkdtemp(prefix="easel-stack-"))
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for name in list(self._children):
            self.stop(name)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start_web(self, *, ready_path: str = "/readyz", serves_admin: bool = False) -> None:
        """Start the web process and wait until it answers `ready_path`."""
        self.environment["EASEL_SERVE_ADMIN"] = str(serves_admin)
        self._start(
            "web",
            "ops" if serves_admin else "web",
            "uvicorn",
            "config.asgi:application",
            "--host=127.0.0.1",
            f"--port={self.port}",
            "--no-access-log",
            "--ws-per-message-deflate=false",
        )
        wait_until(
            lambda: self._web_answers(ready_path),
            seconds=START_SECONDS,
            what="the start of the web process",
        )

    def start_worker(self, *, queues: str, name: str = "worker", fault: str = "") -> None:
        """Start a worker and wait until it has loaded its model and listens.

        `fault` is one of `tests.faults.doomed_worker`.
        """
        program = ("tests.faults.doomed_worker", fault) if fault else ("celery", "-A", "config")
        self._start(
            name,
            "worker",
            *program,
            "worker",
            "-Q",
            queues,
            f"--hostname={name}@%h",
            "--pool=solo",
            "--loglevel=INFO",
            "--without-gossip",
            "--without-mingle",
        )
        wait_until(
            lambda: " ready." in self.log(name) or self.has_ended(name),
            seconds=START_SECONDS,
            what=f"the start of {name}",
        )
        if self.has_ended(name) and " ready." not in self.log(name):
            raise RuntimeError(f"{name} ended at its start:\n{self.log(name)[-4000:]}")

    def start_scheduler(self) -> None:
        self._start("scheduler", "ops", str(ROOT / "manage.py"), "run_scheduler", module=False)

    def kill(self, name: str) -> None:
        """End a process as `kill -9` does."""
        self._end(name, signal.SIGKILL)

    def stop(self, name: str) -> None:
        """End a process in order."""
        self._end(name, signal.SIGTERM)

    def send_signal(self, name: str, number: signal.Signals) -> None:
        self._children[name].send_signal(number)

    def has_ended(self, name: str) -> bool:
        return self._children[name].poll() is not None

    def pid(self, name: str) -> int:
        return self._children[name].pid

    def log(self, name: str) -> str:
        return (self.logs / name).read_text(encoding="utf-8", errors="replace")

    def _start(self, name: str, login: str, *command: str, module: bool = True) -> None:
        url = login_url(login, url=self.environment["EASEL_DATABASE_URL"])
        with (self.logs / name).open("ab") as log:
            self._children[name] = subprocess.Popen(
                [sys.executable, *(["-m"] if module else []), *command],
                cwd=ROOT,
                env={**self.environment, "EASEL_DATABASE_URL": url},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _end(self, name: str, number: signal.Signals) -> None:
        child = self._children.pop(name)
        child.send_signal(number)
        try:
            child.wait(timeout=30)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def _web_answers(self, path: str) -> bool:
        if self.has_ended("web"):
            raise RuntimeError(f"the web process ended at its start:\n{self.log('web')[-4000:]}")
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=5):  # noqa: S310
                return True
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
