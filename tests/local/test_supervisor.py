"""The supervisor, on small children of its own: restarts, order of stopping, nothing left."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from config.local.parts import Part, PartFailedError
from config.local.supervisor import Supervisor

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath)}

# Three parts that print their number and sleep; the middle one is deaf to SIGTERM, and has a
# child of its own.
PROGRAM = """
import asyncio, sys
from pathlib import Path
from config.local.parts import Part
from config.local.supervisor import Supervisor
from config.local.up import serve

scripts = {
    "first": "echo up; trap 'echo first ends; exit 0' TERM; while :; do sleep 0.05; done",
    "deaf": "trap '' TERM; sleep 600 & while :; do sleep 0.05; done",
    "last": "trap 'echo last ends; exit 0' TERM; while :; do sleep 0.05; done",
}
supervisor = Supervisor(Path(sys.argv[1]), first_wait=0.1)

async def bring_up():
    for name, script in scripts.items():
        await supervisor.start(Part(
            name=name, argv=("/bin/sh", "-c", script), environment={"PATH": "/usr/bin:/bin"},
            stop_seconds=0.5, echo=True,
        ))
    print("pids", supervisor.pids(), flush=True)

asyncio.run(serve(supervisor, bring_up))
"""


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def shell(name: str, script: str, **options: object) -> Part:
    return Part(name=name, argv=("/bin/sh", "-c", script), environment=ENVIRONMENT, **options)  # type: ignore[arg-type]


class Family:
    """A supervisor in a process of its own, with all it ever printed and started."""

    def __init__(self, tmp_path: Path) -> None:
        self.output = tmp_path / "output"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, str(tmp_path / "log")],
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        until(lambda: "pids" in self.text())
        self.seen: dict[int, psutil.Process] = {}
        self.look()

    def text(self) -> str:
        return self.output.read_text()

    def look(self) -> None:
        for process in psutil.Process(self.process.pid).children(recursive=True):
            self.seen.setdefault(process.pid, process)

    def part(self, name: str) -> psutil.Process:
        return next(
            process
            for process in psutil.Process(self.process.pid).children()
            if f"{name} ends" in " ".join(process.cmdline())
        )

    def nothing_is_left(self) -> bool:
        return not any(process.is_running() for process in self.seen.values())


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    family = Family(tmp_path)
    yield family
    family.process.kill()
    family.process.wait()
    for process in family.seen.values():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_parts_in_opposite_order_and_leaves_nothing(
    number: signal.Signals, family: Family
) -> None:
    family.process.send_signal(number)
    assert family.process.wait(20) == 0
    lines = family.text().splitlines()
    places = [
        lines.index(line)
        for line in (
            "Stopping …",
            "last      | last ends",
            "deaf did not stop in 1 s and is killed",
            "first     | first ends",
            "Everything is stopped.",
        )
    ]
    assert places == sorted(places)
    assert len(family.seen) >= 4
    until(family.nothing_is_left)


def test_nothing_outlives_a_supervisor_that_is_killed(family: Family) -> None:
    family.look()
    family.process.kill()
    family.process.wait()
    # Parts are ended by the kernel. What they started themselves ends with their session at the
    # next start or by itself; the product's parts start nothing.
    parts = [process for process in family.seen.values() if "trap" in " ".join(_words(process))]
    until(lambda: not any(process.is_running() for process in parts))


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_a_killed_part_is_said_and_started_again(family: Family) -> None:
    first = family.part("first")
    first.kill()
    until(lambda: "first is back" in family.text())
    assert "first was killed by SIGKILL after 0 s; it is started again in 0 s." in family.text()
    again = family.part("first")
    assert again.pid != first.pid
    family.look()
    family.process.send_signal(signal.SIGINT)
    assert family.process.wait(20) == 0
    until(family.nothing_is_left)


def test_a_second_ctrl_c_does_not_wait(tmp_path: Path) -> None:
    async def scenario() -> float:
        supervisor = Supervisor(tmp_path, say=lambda _line: None)
        await supervisor.start(
            shell("worker", "trap '' TERM; echo up; sleep 60 & wait; sleep 60", stop_seconds=60)
        )
        await asyncio.sleep(0.3)
        started = time.monotonic()
        stopping = asyncio.create_task(supervisor.stop())
        await asyncio.sleep(0.2)
        assert not stopping.done()
        supervisor.hurry()
        await stopping
        return time.monotonic() - started

    assert asyncio.run(scenario()) < 5


def test_a_part_that_ends_before_it_is_ready_is_an_error_with_its_last_lines(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        supervisor = Supervisor(tmp_path, say=lambda _line: None)
        try:
            await supervisor.start(
                shell("web", "echo no such module >&2; exit 3", is_ready=lambda: False)
            )
        finally:
            await supervisor.stop()

    with pytest.raises(PartFailedError, match="web ended with exit code 3\nno such module"):
        asyncio.run(scenario())
    assert (tmp_path / "web.log").read_text() == "no such module\n"


def test_a_part_that_never_becomes_ready_is_an_error_and_is_ended(tmp_path: Path) -> None:
    pids: dict[str, int] = {}

    async def scenario() -> None:
        supervisor = Supervisor(tmp_path, say=lambda _line: None)
        try:
            await supervisor.start(
                shell("web", "sleep 60", is_ready=lambda: False, ready_seconds=0.2)
            )
        finally:
            pids.update(supervisor.pids())
            await supervisor.stop()

    with pytest.raises(PartFailedError, match="web was not ready after 0 s"):
        asyncio.run(scenario())
    assert not psutil.pid_exists(pids["web"])


def test_the_waits_between_restarts_grow(tmp_path: Path) -> None:
    said: list[str] = []

    async def scenario() -> None:
        supervisor = Supervisor(
            tmp_path, say=said.append, first_wait=0.1, diagnose=lambda: "The disk is full."
        )
        await supervisor.start(shell("worker", "sleep 0.1; echo lost; exit 7"))
        await asyncio.sleep(2)
        await supervisor.stop()

    waits: list[float] = []

    async def sleep(seconds: float, original: Callable[[float], object] = asyncio.sleep) -> None:
        waits.append(seconds)
        await original(seconds)  # type: ignore[misc]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("config.local.supervisor.asyncio.sleep", sleep)
        asyncio.run(scenario())
    grown = [wait for wait in waits if wait in {0.1, 0.2, 0.4, 0.8}]
    assert grown[:3] == [0.1, 0.2, 0.4]
    assert said[0] == (
        "worker ended with exit code 7 after 0 s; it is started again in 0 s. The disk is full."
    )
    assert "    lost" in said


def test_a_part_that_cannot_be_prepared_is_tried_again(tmp_path: Path) -> None:
    said: list[str] = []
    troubles = [None, OSError("no space"), None]

    def prepare() -> None:
        trouble = troubles.pop(0)
        if trouble:
            raise trouble

    async def scenario() -> None:
        supervisor = Supervisor(tmp_path, say=said.append, first_wait=0.1)
        await supervisor.start(shell("postgres", "sleep 60", prepare=prepare))
        os.kill(supervisor.pids()["postgres"], signal.SIGKILL)
        while "postgres is back" not in said:
            await asyncio.sleep(0.05)
        await supervisor.stop()

    asyncio.run(asyncio.wait_for(scenario(), 10))
    assert "postgres could not be started: no space" in said


def test_a_step_returns_its_lines_and_fails_with_them(tmp_path: Path) -> None:
    async def scenario(script: str) -> list[str]:
        supervisor = Supervisor(tmp_path, say=lambda _line: None)
        try:
            return await supervisor.run_step(shell("migrate", script))
        finally:
            await supervisor.stop()

    assert asyncio.run(scenario("echo one; printf two")) == ["one", "two"]
    with pytest.raises(PartFailedError, match="migrate ended with exit code 1\nno table"):
        asyncio.run(scenario("echo no table; exit 1"))


def test_endless_lines_and_odd_bytes_do_not_stop_the_output(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        head -c 200000 /dev/zero | tr '\\0' x
        printf '\\n\\377 odd\\n'
    """)

    async def scenario() -> list[str]:
        supervisor = Supervisor(tmp_path, say=lambda _line: None)
        return await supervisor.run_step(shell("web", script))

    lines = asyncio.run(scenario())
    assert sum(line.count("x") for line in lines) == 200_000
    assert lines[-1] == "\ufffd odd"


def test_a_program_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    async def scenario() -> None:
        supervisor = Supervisor(tmp_path, say=lambda _line: None)
        await supervisor.start(
            Part(name="web", argv=("/nonexistent/python",), environment=ENVIRONMENT)
        )

    with pytest.raises(PartFailedError, match=r"web cannot be started: .*No such file"):
        asyncio.run(scenario())


def test_a_part_stopped_by_name_stays_so_until_it_is_started_again(tmp_path: Path) -> None:
    said: list[str] = []

    async def scene() -> tuple[dict[str, int], dict[str, int], bool]:
        supervisor = Supervisor(tmp_path, say=said.append, first_wait=0.05)
        await supervisor.start(shell("kept", "sleep 600"))
        await supervisor.start(shell("named", "sleep 600"))
        before = supervisor.pids()
        await supervisor.stop_part("named")
        await asyncio.sleep(0.5)
        was_gone = not psutil.pid_exists(supervisor.pids()["named"])
        await supervisor.start_part("named")
        after = supervisor.pids()
        with pytest.raises(PartFailedError, match="named runs already"):
            await supervisor.start_part("named")
        os.kill(after["named"], signal.SIGKILL)
        while supervisor.pids()["named"] == after["named"]:
            await asyncio.sleep(0.02)
        await supervisor.stop()
        return before, after, was_gone

    before, after, was_gone = asyncio.run(scene())

    assert was_gone
    assert before["kept"] == after["kept"]
    assert before["named"] != after["named"]
    assert any("named was killed by SIGKILL" in line for line in said)
