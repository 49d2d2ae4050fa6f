"""`make lock`: compile requirements/*.in to the locks that are installed from.

Versions already locked stay unless the `.in` files forbid them; delete a lock to have the newest.
"""

import os
import re
import subprocess
import sys

from config.local.install import ROOT

FOLDER = ROOT / "requirements"
# In this order: each later lock takes the versions of the first, so that they go together.
ORDER = ("local", "base", "web", "worker", "dev")
# In an environment of its own, so in versions of its own.
APART = ("infra",)
OPTIONS = (
    "--quiet",
    "--generate-hashes",
    "--strip-extras",
    "--allow-unsafe",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-emit-trusted-host",
    "--no-emit-options",
)
_TORCH = re.compile(r"^torch(?:vision)?==(?:[^\n]*\\\n)*[^\n]*\n(?: +#[^\n]*\n)*", re.MULTILINE)


def without_torch(lock: str) -> str:
    """Take torch out of a lock: its file, and so its hash, differs from machine to machine.

    `install.py` installs the version that worker.in pins after everything else. torchvision goes
    too, and is not installed at all: its file has to be built for the very torch that is there, and
    of what needs it (spandrel) we use the parts that do not (`docs/decisions/0018`).
    """
    return _TORCH.sub("", lock)


def compile_lock(name: str) -> bool:
    """Compile one lock; True if that worked."""
    target = FOLDER / f"{name}.txt"
    first = FOLDER / f"{ORDER[0]}.txt"
    constraint = [] if target == first or name in APART else ["--constraint", first.name]
    result = subprocess.run(
        [
            *(sys.executable, "-m", "piptools", "compile", *OPTIONS, *constraint),
            *("--output-file", target.name, f"{name}.in"),
        ],
        cwd=FOLDER,
        env={**os.environ, "CUSTOM_COMPILE_COMMAND": "make lock"},
        check=False,
    )
    if result.returncode == 0:
        target.write_text(without_torch(target.read_text(encoding="utf-8")), encoding="utf-8")
    return result.returncode == 0


def main() -> int:
    """Compile all locks; stop at the first that cannot be."""
    for name in (*ORDER, *APART):
        print(f"requirements/{name}.txt", flush=True)
        if not compile_lock(name):
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
