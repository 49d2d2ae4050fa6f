"""`make prod-like`, and what can be asked of a run.

python -m config.local.production_like                     run until Ctrl-C
python -m config.local.production_like rolling-restart     replace processes under way
python -m config.local.production_like pids
python -m config.local.production_like stop|start PART …
python -m config.local.production_like run WORD …          python with the run's environment
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys

from config.local.install import (
    ROOT,
    START_MIB,
    RefusedError,
    check_space,
    die_with_parent,
    make_var_dir,
    only_one,
    paragraph,
    say,
)
from config.local.parts import PartFailedError
from config.local.production_like.control import ask
from config.local.production_like.machine import DEFAULT_PORT, Machine, State
from config.local.production_like.running import bring_up
from config.local.supervisor import Supervisor
from config.local.up import check_port, disk_is_full, serve

_ALREADY = (
    "A production-like run is under way in this checkout (process {holder}). Use that one, or stop "
    "it with Ctrl-C in its terminal (or: kill {holder}) and run the same command again."
)


def run() -> None:
    """Bring everything up and keep it until asked to stop.

    Raises:
        RefusedError: something is missing or in the way, or a part did not start.
    """
    var_dir = make_var_dir()
    check_space(var_dir, START_MIB, "running")
    port = _port(os.environ.get("EASEL_PORT") or str(DEFAULT_PORT))
    check_port(port)
    machine = Machine.make(var_dir, port=port)
    supervisor = Supervisor(machine.folder / "log", diagnose=lambda: disk_is_full(var_dir))
    try:
        asyncio.run(serve(supervisor, lambda: bring_up(machine, supervisor)))
    except PartFailedError as error:
        raise RefusedError(
            f"It could not be started, since {error}\nThe whole output is in "
            f"{machine.folder / 'log'}."
        ) from error
    finally:
        machine.remove_databases()


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise RefusedError(f"EASEL_PORT is “{text}”; it must be a number from 1 to 65535.")
    return int(text)


def _run_with_environment(words: list[str]) -> int:
    state = State.load(make_var_dir())
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=ROOT, env=state.environment, check=False).returncode


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; print a refusal as one paragraph."""
    parser = argparse.ArgumentParser(prog="python -m config.local.production_like")
    commands = parser.add_subparsers(dest="command")
    for name, text in (
        ("rolling-restart", "replace the product's processes, losing nothing"),
        ("pids", "tell the process ids of the parts"),
    ):
        commands.add_parser(name, help=text)
    for name in ("stop", "start"):
        commands.add_parser(name, help=f"{name} parts by name").add_argument("parts", nargs="+")
    commands.add_parser("run", help="run Python with the environment of operators")
    # What follows it are words of Python, which may begin with a dash.
    words = sys.argv[1:] if arguments is None else arguments
    own = words[:1] if words[:1] == ["run"] else words
    options = parser.parse_args(own)
    try:
        if options.command is None:
            if "MAKELEVEL" in os.environ:
                # A make that is killed outright cannot tell us to stop.
                die_with_parent(signal.SIGTERM, os.getppid())
            with only_one("prod-like.lock", _ALREADY):
                run()
        elif options.command == "run":
            return _run_with_environment(words[1:])
        else:
            state = State.load(make_var_dir())
            done = ask(state, options.command, *getattr(options, "parts", []), progress=say)
            if isinstance(done, dict):
                for name, pid in done.items():
                    say(f"{name:<16} {pid}")
    except RefusedError as refusal:
        print(paragraph(str(refusal)), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
