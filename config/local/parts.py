"""A part of the product: one child process that never outlives the process that started it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from config.local.account import Account
from config.local.install import die_with_parent


class PartFailedError(Exception):
    """A part ended, or did not become ready in time; the text is fit for the terminal."""


def _nothing() -> None:
    return None


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """How one part is started, known to be ready, and stopped.

    `stop_signal` asks it to end in order, and `stop_seconds` later it is killed with its whole
    process group. `orphan_signal` is sent by the kernel if the parent dies without a word, so it
    must not need anybody else: `SIGKILL` where ending in order may wait for other parts.
    `prepare` runs before every start, restarts too. `echo` shows the output on the terminal. A
    part that holds data is not `may_be_hurried`: an impatient user cannot have it killed.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    cwd: Path = Path("/")
    account: Account | None = None
    prepare: Callable[[], None] = _nothing
    is_ready: Callable[[], bool] = _always
    ready_seconds: float = 60
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10
    orphan_signal: signal.Signals = signal.SIGKILL
    echo: bool = False
    may_be_hurried: bool = True


def spawn(part: Part, *, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
    """Start `part` in a session of its own, both its outputs going to `output`.

    A session of its own keeps a terminal's Ctrl-C from reaching it: the supervisor decides who
    ends when. Call it from a thread that lives as long as the part may.

    Raises:
        PartFailedError: the program cannot be started at all.
    """
    parent = os.getpid()
    account = part.account
    try:
        return subprocess.Popen(
            part.argv,
            cwd=part.cwd,
            env=dict(part.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            preexec_fn=lambda: die_with_parent(part.orphan_signal, parent),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise PartFailedError(f"{part.name} cannot be started: {error}") from error


def signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to a part and whatever it started; a group that is gone is no error."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        # PermissionError: macOS says so of a group whose only member is a zombie.
        return


def stop(part: Part, process: subprocess.Popen[bytes]) -> None:
    """End a part in order and wait for it; after `stop_seconds` end it by force."""
    if process.poll() is None:
        process.send_signal(part.stop_signal)
        with suppress(subprocess.TimeoutExpired):
            process.wait(part.stop_seconds)
    signal_group(process, signal.SIGKILL)
    process.wait()


def wait_until_ready(part: Part, process: subprocess.Popen[bytes]) -> None:
    """Block until `part` is ready.

    Raises:
        PartFailedError: it ended, or took longer than its `ready_seconds`.
    """
    deadline = time.monotonic() + part.ready_seconds
    while True:
        if process.poll() is not None:
            raise PartFailedError(f"{part.name} {describe_exit(process.returncode)}")
        if part.is_ready():
            return
        if time.monotonic() > deadline:
            raise PartFailedError(f"{part.name} was not ready after {part.ready_seconds:.0f} s")
        time.sleep(0.05)


def describe_exit(returncode: int) -> str:
    """Put an exit code into words: "ended with exit code 3", "was killed by SIGKILL"."""
    if returncode >= 0:
        return f"ended with exit code {returncode}"
    try:
        return f"was killed by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"was killed by signal {-returncode}"
