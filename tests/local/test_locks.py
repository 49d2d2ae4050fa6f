"""The locks hold what every Python 3.11 needs, not just the one that compiled them."""

import importlib.metadata
import re
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REQUIREMENTS = Path(__file__).parents[2] / "requirements"


def locked(name: str) -> set[str]:
    text = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8")
    return {canonicalize_name(found) for found in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)}


def test_nothing_is_missing_on_the_oldest_python_3_11() -> None:
    names = locked("dev")
    # pip takes the locks with --no-deps, so a package that only an older patch release needs
    # (Debian 12 has 3.11.2) would be found missing at its import.
    oldest = {"python_full_version": "3.11.0", "extra": ""}
    missing = set()
    for name in names:
        for line in importlib.metadata.requires(name) or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate(oldest):
                missing.add(canonicalize_name(needed.name))
    assert missing - names <= {"torch", "torchvision"}


def test_the_locks_agree_and_torch_is_left_to_the_machine() -> None:
    for name in ("base", "web", "worker", "local"):
        assert locked(name) <= locked("dev")
        assert "torch" not in locked(name)
    worker = (REQUIREMENTS / "worker.in").read_text(encoding="utf-8")
    assert re.search(r"^torch==\d", worker, re.MULTILINE)
