"""Start parts in order, keep them running, and end them in the opposite order.

Why not a ready one is in docs/decisions: none of those looked at ends its children when it is
killed itself, and says in words what happened to them.
"""

import asyncio
import logging
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from logging.handlers import RotatingFileHandler
from pathlib import Path

from config.local.install import say
from config.local.parts import Part, PartFailedError, describe_exit, signal_group, spawn

_POLL_SECONDS = 0.05
_LONGEST_WAIT = 30.0
# A part that ran this long was well: its next crash is not the last one's continuation.
_WELL_AFTER_SECONDS = 60.0
_LONGEST_LINE = 64 * 1024
_TAIL_LINES = 8


class _QuietFileHandler(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (logging's name)
        """Drop the line: on a full disk the parts must go on."""


@dataclass(slots=True)
class _Running:
    part: Part
    process: subprocess.Popen[bytes]
    pump: asyncio.Task[None]
    tail: list[str]
    started: float = field(default_factory=time.monotonic)
    ready: bool = False
    keeper: asyncio.Task[None] | None = None


class Supervisor:
    """Runs parts as children of this process; use it from the main thread's event loop.

    Every part's output goes to `log_dir`/NAME.log, and to the terminal where the part says so.
    `diagnose` may add a sentence to the report of a crash.
    """

    def __init__(
        self,
        log_dir: Path,
        *,
        say: Callable[[str], None] = say,
        diagnose: Callable[[], str] = str,
        first_wait: float = 1.0,
    ) -> None:
        log_dir.mkdir(parents=True, exist_ok=True)
        self._log_dir = log_dir
        self._say = say
        self._diagnose = diagnose
        self._first_wait = first_wait
        self._running: list[_Running] = []
        self._impatient = False

    async def start(self, part: Part) -> None:
        """Start a part and wait until it is ready; from then on it is restarted when it ends.

        Raises:
            PartFailedError: it ended before it was ready, or took too long; the text ends with
                its last lines.
        """
        running = await self._spawn(part)
        try:
            await self._wait_until_ready(running)
        except PartFailedError as error:
            raise PartFailedError("\n".join([str(error), *running.tail])) from error
        running.keeper = asyncio.create_task(self._keep(running))

    async def run_step(self, part: Part) -> list[str]:
        """Run a part that ends by itself and return the lines it printed.

        Raises:
            PartFailedError: its exit code was not 0.
        """
        running = await self._spawn(part, tail_lines=1000)
        await self._exit(running)
        await running.pump
        self._running.remove(running)
        if running.process.returncode != 0:
            reason = describe_exit(running.process.returncode)
            raise PartFailedError("\n".join([f"{part.name} {reason}", *running.tail[-30:]]))
        return running.tail

    async def stop_part(self, name: str) -> None:
        """End one part in order and keep its place; it stays ended until it is started again.

        Raises:
            KeyError: there is no part of that name.
        """
        running = self._find(name)
        if running.keeper is not None:
            running.keeper.cancel()
            await asyncio.gather(running.keeper, return_exceptions=True)
            running.keeper = None
        await self._end(running)

    async def start_part(self, name: str) -> None:
        """Start a part that `stop_part` ended, and wait until it is ready.

        Raises:
            KeyError: there is no part of that name.
            PartFailedError: it runs already, or it ended or took too long.
        """
        running = self._find(name)
        if running.process.poll() is None:
            raise PartFailedError(f"{name} runs already")
        await self._launch(running)
        await self._wait_until_ready(running)
        running.keeper = asyncio.create_task(self._keep(running))

    async def stop(self) -> None:
        """End every part in the opposite order of their starts, each before the next."""
        keepers = [running.keeper for running in self._running if running.keeper]
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        for running in reversed(self._running):
            await self._end(running)
        self._running.clear()

    def hurry(self) -> None:
        """Stop waiting for the part that is being ended: kill it and those after it quickly."""
        self._impatient = True

    def pids(self) -> dict[str, int]:
        """Return the process ids of the parts, by name."""
        return {running.part.name: running.process.pid for running in self._running}

    def _find(self, name: str) -> _Running:
        for running in self._running:
            if running.part.name == name:
                return running
        raise KeyError(name)

    async def _spawn(self, part: Part, *, tail_lines: int = _TAIL_LINES) -> _Running:
        await asyncio.to_thread(part.prepare)
        # Forked by the main thread: the kernel's death signal follows the thread that forked.
        process = spawn(part, output=subprocess.PIPE)
        tail: list[str] = []
        pump = asyncio.create_task(self._pump(part, process, tail, tail_lines))
        running = _Running(part, process, pump, tail)
        self._running.append(running)
        return running

    async def _wait_until_ready(self, running: _Running) -> None:
        part, process = running.part, running.process
        deadline = time.monotonic() + part.ready_seconds
        while not await asyncio.to_thread(part.is_ready):
            if process.poll() is not None:
                await asyncio.wait([running.pump], timeout=1)
                raise PartFailedError(f"{part.name} {describe_exit(process.returncode)}")
            if time.monotonic() > deadline:
                raise PartFailedError(f"{part.name} was not ready after {part.ready_seconds:.0f} s")
            await asyncio.sleep(_POLL_SECONDS)
        running.ready = True

    async def _keep(self, running: _Running) -> None:
        """Restart a part each time it ends, waiting longer after each failure in a row."""
        part = running.part
        wait = self._first_wait
        while True:
            await self._exit(running)
            signal_group(running.process, signal.SIGKILL)
            lasted = time.monotonic() - running.started
            if lasted > _WELL_AFTER_SECONDS:
                wait = self._first_wait
            await asyncio.wait([running.pump], timeout=1)
            self._say(
                f"{part.name} {describe_exit(running.process.returncode)} after {lasted:.0f} s; "
                f"it is started again in {wait:.0f} s. {self._diagnose()}".rstrip()
            )
            if not part.echo:
                for line in running.tail:
                    self._say(f"    {line}")
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)
            await self._restart(running)

    async def _restart(self, running: _Running) -> None:
        part = running.part
        try:
            await self._launch(running)
        except Exception as error:  # noqa: BLE001  (whatever it is, the next try may do better)
            self._say(f"{part.name} could not be started: {error}")
            return
        try:
            await self._wait_until_ready(running)
        except PartFailedError as error:
            if running.process.poll() is None:
                self._say(f"{error}; it goes on trying")
        else:
            self._say(f"{part.name} is back")

    async def _launch(self, running: _Running) -> None:
        part = running.part
        running.tail.clear()
        running.ready = False
        running.started = time.monotonic()
        await asyncio.to_thread(part.prepare)
        running.process = spawn(part, output=subprocess.PIPE)
        running.pump = asyncio.create_task(
            self._pump(part, running.process, running.tail, _TAIL_LINES)
        )

    async def _exit(self, running: _Running) -> None:
        # Polled, not watched: asyncio's watcher of children would start a thread for each.
        while running.process.poll() is None:
            await asyncio.sleep(_POLL_SECONDS)

    async def _end(self, running: _Running) -> None:
        part, process = running.part, running.process
        if process.poll() is None:
            process.send_signal(part.stop_signal)
            asked = time.monotonic()
            said = False
            while process.poll() is None:
                waited = time.monotonic() - asked
                if waited > part.stop_seconds or (self._impatient and part.may_be_hurried):
                    self._say(f"{part.name} did not stop in {waited:.0f} s and is killed")
                    break
                if waited > 2 and not said:
                    said = True
                    self._say(
                        f"waiting for {part.name} to end what it is at, at most "
                        f"{part.stop_seconds:.0f} s (Ctrl-C again: do not wait)"
                    )
                await asyncio.sleep(_POLL_SECONDS)
        signal_group(process, signal.SIGKILL)
        await self._exit(running)
        await asyncio.wait([running.pump], timeout=1)
        running.pump.cancel()

    async def _pump(
        self, part: Part, process: subprocess.Popen[bytes], tail: list[str], tail_lines: int
    ) -> None:
        """Carry a part's output to its log, its tail and, if it asks for that, the terminal."""
        handler = _QuietFileHandler(
            self._log_dir / f"{part.name}.log",
            maxBytes=5 * 1024**2,
            backupCount=1,
            encoding="utf-8",
            errors="replace",
            # Opened by the first line, where a full disk is no longer an exception.
            delay=True,
        )
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), process.stdout
        )
        try:
            rest = b""
            while chunk := await reader.read(_LONGEST_LINE):
                *lines, rest = (rest + chunk).split(b"\n")
                if len(rest) > _LONGEST_LINE:
                    lines, rest = [*lines, rest], b""
                self._carry(part, handler, lines, tail, tail_lines)
            if rest:
                self._carry(part, handler, [rest], tail, tail_lines)
        finally:
            transport.close()
            handler.close()

    def _carry(
        self,
        part: Part,
        handler: logging.Handler,
        lines: Sequence[bytes],
        tail: list[str],
        tail_lines: int,
    ) -> None:
        for raw in lines:
            line = raw.decode("utf-8", "replace").rstrip()
            handler.emit(logging.LogRecord(part.name, logging.INFO, "", 0, line, (), None))
            tail.append(line)
            del tail[:-tail_lines]
            if part.echo:
                self._say(f"{part.name:<9} | {line}")
