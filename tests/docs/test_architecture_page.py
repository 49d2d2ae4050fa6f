"""The map of the parts is that of the code, and so is the rule of who imports whom."""

import re
import tomllib

from tests.docs.pages import DOCS, text_of
from tests.stack import ROOT

PAGE = text_of(DOCS / "architecture.md")


def enforced(name: str) -> str:
    """Return the layers of a contract of import-linter, as the page has them."""
    contracts = tomllib.loads(text_of(ROOT / "pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (layers,) = [one["layers"] for one in contracts if one["name"] == name]
    return " → ".join(layers).replace("apps.", "")


def test_the_chains_are_the_enforced_ones() -> None:
    (apps,) = re.findall(r"^```\n(dashboard → .*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (workers,) = re.findall(r"`(tasks .*? → engine)`", PAGE)

    assert " ".join(apps.split()) == enforced("Apps import downwards only")
    assert workers == enforced("Inside the workers, imports point from the tasks to the engine")


def test_every_package_has_a_row() -> None:
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    named = set(re.findall(r"`([\w/]+)`", " ".join(rows)))
    packages = {
        str(path.parent.relative_to(ROOT))
        for folder in ("apps", "gpu_tasks")
        for path in (ROOT / folder).glob("*/__init__.py")
    }
    assert {"apps/core", "gpu_tasks/engine"} <= packages

    assert packages - named == set()
