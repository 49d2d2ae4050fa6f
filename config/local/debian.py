"""Packages of the distribution that tests need, installed where that is possible."""

import os
import shutil
import subprocess
from pathlib import Path

from config.local.install import RefusedError, say

# Debian keeps servers where ordinary users do not look.
_PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))


def find_program(name: str) -> Path | None:
    """Return a program of the system, also one that only root has in PATH."""
    found = shutil.which(name, path=_PLACES)
    return Path(found) if found else None


def can_install() -> bool:
    """Tell whether this is root on a Debian or one of its children."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install_packages(*packages: str) -> str:
    """Install packages and return what the installer printed."""
    say(f"Installing {', '.join(packages)} from the distribution's packages …")
    output = run_installer("apt-get", "update")
    return output + run_installer("apt-get", "install", "-y", "--no-install-recommends", *packages)


def run_installer(*command: str) -> str:
    """Run an installer, which must not ask anything, and return what it printed."""
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    )
    return result.stdout


def require_program(name: str, *, package: str = "") -> Path:
    """Return a program of the system, installed from `package` (its own name) where that can be.

    Raises:
        RefusedError: it is not there and cannot be installed; the text says what to do.
    """
    package = package or name
    if find_program(name) is None and can_install():
        install_packages(package)
    found = find_program(name)
    if found is None:
        raise RefusedError(
            f"This needs {name}, and the machine has none. Install it (Debian: apt-get install "
            f"{package}) and run the same command again."
        )
    return found
