"""Find a Python 3.11 and hand over to `install.py`.

This file is read by whatever `python3` is, so its syntax and its library calls stay old enough
for Python 3.6: a newer form would hide the message behind a SyntaxError.
"""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

WANTED = (3, 11)
INSTALLER = str(Path(__file__).resolve().parent / "install.py")
PROBE = "import sys; sys.exit(0 if sys.version_info[:2] == (3, 11) else 1)"


def is_wanted(program: str) -> bool:
    """Tell whether `program` starts and is Python 3.11; a version manager's shim may do neither."""
    try:
        answer = subprocess.call(
            [program, "-c", PROBE],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return False
    return answer == 0


def find_python(search_path: str) -> str:
    """Return the first working `python3.11` in `search_path`, or an empty string."""
    for directory in search_path.split(os.pathsep):
        program = str(Path(directory, "python3.11"))
        if directory and os.access(program, os.X_OK) and is_wanted(program):
            return program
    return ""


def refusal(found: str) -> str:
    """Say what to do when only Python `found` ("3.10.4") is here."""
    return (
        f"Easel needs Python 3.11, and this machine's python3 is Python {found}; no working "
        "python3.11 was found in PATH either. Install it (Debian 12: apt-get install python3.11 "
        "python3.11-venv; Ubuntu: the deadsnakes archive; macOS: brew install python@3.11; "
        "anywhere: pyenv install 3.11) and run the same command again, or name it: "
        "make up PYTHON=/path/to/python3.11"
    )


def main() -> None:
    """Replace this process by `install.py` under Python 3.11; exit with 1 when there is none."""
    program = sys.executable
    if sys.version_info[:2] != WANTED or not program:
        program = find_python(os.environ.get("PATH", ""))
    if not program:
        found = ".".join(str(number) for number in sys.version_info[:3])
        sys.stderr.write("\n" + textwrap.fill(refusal(found), 90) + "\n\n")
        sys.exit(1)
    # Nothing has been printed that a buffer could still hold: exec drops unflushed output.
    os.execv(program, [program, INSTALLER, *sys.argv[1:]])  # noqa: S606


if __name__ == "__main__":
    main()
