"""The map of the parts is that of the code, and so is the rule of who imports whom."""

import re
import tomllib

from tests.docs.pages import DOCS, text_of
from tests.stack import ROOT

PAGE = text_of(DOCS / "architecture.md")


def test_the_chain_of_apps_is_the_enforced_one() -> None:
    contracts = tomllib.loads(text_of(ROOT / "pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (layers,) = [one["layers"] for one in contracts if one["name"] == "Apps import downwards only"]
    (chain,) = re.findall(r"^```\n(dashboard → .*?)^```", PAGE, re.MULTILINE | re.DOTALL)

    assert " ".join(chain.split()) == " → ".join(layers).replace("apps.", "")


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
