"""The worker image without CUDA: built on the stand-in of both bases, with torch for the CPU."""

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from config.local.install import ROOT
from tests.infrastructure.containers.buildah import Builder, Container, Image
from tests.infrastructure.containers.servers import Servers
from tests.stack import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

# A wheel for the CPU that a machine may have in store; the registry's own may be one of CUDA.
WHEELS = Path("/opt/wheels")


@pytest.fixture(scope="module")
def worker(builder: Builder) -> Image:
    base = builder.base()
    return builder.build(
        ROOT / "docker" / "worker.Dockerfile",
        "localhost/easel-worker:test",
        arguments={
            "PYTHON_IMAGE": base,
            "CUDA_IMAGE": base,
            "TORCH_INDEX": "https://pypi.org/simple",
        },
        target="worker",
        find_links=WHEELS if WHEELS.is_dir() else None,
    )


@pytest.fixture(scope="module")
def running(
    builder: Builder, worker: Image, migrated: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Container]:
    with builder.mounted(worker) as root:
        container = Container(
            root,
            worker,
            environment={
                **migrated.environment,
                "EASEL_DATABASE_URL": migrated.database_url("worker"),
                "EASEL_METADATA_URL": "off",
                "EASEL_WORKER_QUEUE": "easel-gpu-highperf.fifo",
            },
            files=migrated.files,
            log=tmp_path_factory.mktemp("worker") / "log",
            writable=["/var/lib/easel/models"],
        )
        try:
            wait_until(
                lambda: " ready." in container.said() or container.process.poll() is not None,
                seconds=300,
                what="the start of the worker",
            )
            assert container.process.poll() is None, container.said()[-4000:]
            yield container
        finally:
            if container.process.poll() is None:
                container.stop()


def test_the_worker_listens_to_the_queue_that_the_setting_names(running: Container) -> None:
    command = psutil.Process(running.process.pid).cmdline()
    assert command[command.index("-Q") + 1] == "easel-gpu-highperf.fifo"
    assert "exec" not in command, "signals would end the shell and not the worker"


def test_the_worker_is_an_ordinary_user_without_capabilities(running: Container) -> None:
    assert set(psutil.Process(running.process.pid).uids()) == {10001}
    status = Path(f"/proc/{running.process.pid}/status").read_text(encoding="ascii")
    assert "CapEff:\t0000000000000000" in status


def test_the_worker_is_well_while_it_gives_signs_of_life(running: Container, worker: Image) -> None:
    kind, *check = worker.config["Healthcheck"]["Test"]
    assert kind == "CMD"
    wait_until(lambda: running.execute(*check)[0] == 0, seconds=60, what="a sign of life")
    _code, before = running.execute("stat", "--format=%y", "/tmp/easel-heartbeat")  # noqa: S108
    time.sleep(7)
    _code, after = running.execute("stat", "--format=%y", "/tmp/easel-heartbeat")  # noqa: S108
    assert before != after


def test_the_engine_is_there_and_no_hub_is_asked(running: Container) -> None:
    program = (
        "import torch, diffusers, huggingface_hub.constants as hub\n"
        "from gpu_tasks.engine import Engine\n"
        "print(torch.__version__.split('+')[0], hub.HF_HUB_OFFLINE)"
    )
    code, said = running.execute("python", "-W", "ignore", "-c", program)
    assert (code, said.splitlines()[-1:]) == (0, ["2.13.0 True"]), said


def test_a_worker_writes_its_cache_of_models_and_nothing_else(running: Container) -> None:
    assert running.execute("touch", "/var/lib/easel/models/mark") == (0, "")
    code, said = running.execute("touch", "/srv/easel/mark")
    assert code == 1
    assert "Read-only file system" in said


def test_a_worker_ends_in_order_when_asked(running: Container) -> None:
    assert running.stop(seconds=60) == 0, running.said()[-3000:]
