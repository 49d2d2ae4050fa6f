"""`make up` as a whole: real servers, web, worker and scheduler, in a folder of their own."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from config.local import placement, up
from config.local.account import server_account
from config.local.valkey import free_port

ROOT = Path(__file__).parents[2]
PARTS = {"web": "uvicorn", "worker": "celery", "scheduler": "run_scheduler"}
SERVERS = {"valkey": "valkey-server", "postgres": "bin/postgres"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class Product:
    """One checkout's `make up`, without make: this environment is installed already."""

    def __init__(self, home: Path) -> None:
        self.var_dir = home / "var"
        self.output = home / "output"
        self.port = free_port()
        self.seen: dict[int, psutil.Process] = {}

    def start(self) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("EASEL_")}
        environment |= {"EASEL_VAR_DIR": str(self.var_dir), "EASEL_PORT": str(self.port)}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "config.local.up"],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.until("Easel is ready")
        self.look()

    def until(self, text: str, seconds: float = 240) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.output.read_text(errors="replace"):
            assert self.process.poll() is None, self.output.read_text(errors="replace")
            assert time.monotonic() < deadline, self.output.read_text(errors="replace")
            time.sleep(0.1)

    def look(self) -> None:
        for process in psutil.Process(self.process.pid).children(recursive=True):
            self.seen[process.pid] = process

    def part(self, word: str) -> psutil.Process:
        children = psutil.Process(self.process.pid).children()
        return next(child for child in children if word in " ".join(child.cmdline()))

    def nothing_is_left(self) -> bool:
        return psutil.wait_procs(list(self.seen.values()), timeout=60)[1] == []


@pytest.fixture
def product() -> Iterator[Product]:
    home = placement.temporary_home(server_account())
    product = Product(home)
    product.start()
    yield product
    product.process.kill()
    product.process.wait()
    product.nothing_is_left()
    shutil.rmtree(home, ignore_errors=True)


def test_parts_come_back_and_nothing_outlives_the_whole(product: Product) -> None:
    assert up.answers(product.port, "/readyz")
    for name, word in (PARTS | SERVERS).items():
        product.part(word).kill()
        product.until(f"{name} is back")
        assert f"{name} was killed by SIGKILL" in product.output.read_text()
    product.look()

    product.process.kill()
    product.process.wait()
    assert product.nothing_is_left()
    assert (product.var_dir / "postgres" / "data" / "PG_VERSION").exists()

    product.start()
    assert up.answers(product.port, "/readyz")
    product.process.send_signal(signal.SIGINT)
    assert product.process.wait(120) == 0
    assert product.output.read_text().splitlines()[-1] == "Everything is stopped."
    assert product.nothing_is_left()
    assert not up.answers(product.port, "/readyz")
