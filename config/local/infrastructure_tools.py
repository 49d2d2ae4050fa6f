"""The tools that check the infrastructure, in an environment of their own: `.venv-infra`.

checkov pins packages that the product has in newer versions. The lock is requirements/infra.txt;
the environment is made when it is first needed and anew when the lock has changed.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

from config.local.install import (
    MIB,
    ROOT,
    RefusedError,
    check_owner,
    check_space,
    make_var_dir,
    say,
)

TOOLS = ROOT / ".venv-infra"
LOCK = ROOT / "requirements" / "infra.txt"
STAMP = TOOLS / "easel-infra"
NEEDED_MIB = 1500
_LOG = "install-infra.log"


def tool(name: str) -> Path:
    """Return the path of a tool's program."""
    return TOOLS / "bin" / name


def site_packages() -> Path:
    """Return where the tools' packages are."""
    return TOOLS / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"


def require_tools() -> None:
    """Install the tools unless they are there as the lock names them.

    Several processes of the tests may ask at once: the first installs, the others wait.

    Raises:
        RefusedError: they could not be installed; the text carries pip's last lines.
    """
    if not LOCK.is_file():
        raise RefusedError(f"{LOCK} is missing. Compile it (make lock).")
    digest = hashlib.sha256(f"{TOOLS}\n".encode() + LOCK.read_bytes()).hexdigest()
    with (make_var_dir() / "install-infra.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if STAMP.is_file() and STAMP.read_text(encoding="utf-8") == digest:
            return
        check_owner(TOOLS)
        check_space(ROOT, NEEDED_MIB, "installing the tools for the infrastructure")
        say("Installing what requirements/infra.txt names; the first time takes a minute or two …")
        started = time.monotonic()
        _run(sys.executable, "-m", "venv", "--clear", str(TOOLS))
        _run(
            *(str(tool("python")), "-m", "pip", "install", "--no-input", "--progress-bar=off"),
            *("--disable-pip-version-check", "--no-deps", "--no-compile", "--require-hashes"),
            *("-r", str(LOCK)),
        )
        STAMP.write_text(digest, encoding="utf-8")
        megabytes = sum(file.stat().st_size for file in TOOLS.rglob("*") if file.is_file()) // MIB
        say(f"Installed {megabytes} MiB in {time.monotonic() - started:.0f} s.")


def _run(*command: str) -> None:
    log_path = make_var_dir() / "log" / _LOG
    with log_path.open("wb") as log:
        result = subprocess.run(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
            env={**os.environ, "PIP_USER": "0"},
        )
    if result.returncode != 0:
        lines = log_path.read_text(errors="replace").strip().splitlines()[-8:]
        advice = (
            "The tools that check the infrastructure could not be installed. Check the network "
            f"and run the same command again. The whole output is in {log_path}."
        )
        raise RefusedError("\n".join([advice, *lines]))
