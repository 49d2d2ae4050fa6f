"""The pages that people read, and what stands in them as code."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from tests.stack import ROOT

DOCS: Final = ROOT / "docs"
PAGES: Final = sorted(
    [
        *DOCS.rglob("*.md"),
        *ROOT.glob("README*.md"),
        *ROOT.glob("gpu_tasks/*/README.md"),
        ROOT / "CONTRIBUTING.md",
    ]
)
_CODE = re.compile(r"`([^`]+)`")
_FENCE = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@cache
def sources() -> str:
    """Return every source of the product."""
    files = (p for folder in ("apps", "config", "gpu_tasks") for p in (ROOT / folder).rglob("*.py"))
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


@cache
def prose(page: Path) -> str:
    """Return the page without its blocks of code."""
    return _FENCE.sub("", text_of(page))


@cache
def typed(page: Path) -> list[str]:
    """Return what stands in the page as code, each piece and each line of blocks."""
    blocks = [line for block in _FENCE.findall(text_of(page)) for line in block.splitlines()]
    return [*_CODE.findall(prose(page).replace("\n", " ")), *blocks]


def commands_of(page: Path, program: str) -> Iterator[list[str]]:
    """Yield the words behind `program`, wherever the page has it typed."""
    for code in typed(page):
        for found in re.findall(rf"{program} +([^|&;\n`]+)", code):
            yield shlex.split(found.replace("…", "X"))


@cache
def variables() -> frozenset[str]:
    """Return what the environment is asked for."""
    found = re.findall(
        r'_env\.\w+\(\s*"([A-Z0-9_]*[A-Z0-9])"', (ROOT / "config/env.py").read_text()
    )
    assert len(found) > 50
    # By the name that Amazon's own libraries read.
    return frozenset(f"EASEL_{name}" for name in found if name != "AWS_CA_BUNDLE")
