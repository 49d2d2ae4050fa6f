"""Write docs/cost.md and its picture anew: `python -m config.infrastructure.cost [--check]`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from config.env import ROOT
from config.infrastructure.cost.chart import draw
from config.infrastructure.cost.model import Estimate
from config.infrastructure.cost.page import between_markers, tables
from config.infrastructure.deployment import Terraform

PAGE = ROOT / "docs" / "cost.md"
CHART = ROOT / "docs" / "images" / "cost.svg"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or tell with exit code 1 that it is out of step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("--terraform-dir", type=Path, default=ROOT / "terraform")
    chosen = parser.parse_args(arguments)
    estimate = Estimate(Terraform(chosen.terraform_dir).environments["production"])
    old = PAGE.read_text(encoding="utf-8")
    new = between_markers(old, tables(estimate))
    if chosen.check:
        if old != new:
            sys.stdout.write("docs/cost.md is out of step: python -m config.infrastructure.cost\n")
        return int(old != new)
    PAGE.write_text(new, encoding="utf-8")
    draw(estimate, CHART)
    return 0


if __name__ == "__main__":
    sys.exit(main())
