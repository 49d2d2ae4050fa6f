"""The health checks of the containers, run as the container runs them."""

import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from apps.core.balancer_checks import is_balancer_check
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


@pytest.mark.parametrize("hosts", [["easel.example"], ["localhost", "web", "admin"]])
def test_the_web_container_is_asked_as_a_balancer_asks(hosts: list[str], settings: Any) -> None:
    """By our own name it would wait behind eight slow requests, and the task would be ended."""
    settings.ALLOWED_HOSTS = hosts
    scopes: list[dict[str, Any]] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host = self.headers["Host"].encode()
            scopes.append({"path": self.path, "headers": [(b"host", host)]})
            self.send_response(200)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        Thread(target=server.handle_request, daemon=True).start()
        address = f"http://localhost:{server.server_port}/api/v1/app/version"
        assert _check("web", address, EASEL_ALLOWED_HOSTS=",".join(hosts)) == 0

    assert [is_balancer_check(scope) for scope in scopes] == [True]
