"""Write what follows from the lists of metrics, alarms and objectives, or say what is out of step.

Run as `python -m apps.core.observability.write [--check]`. Needs no settings and no database.
"""

import argparse
import difflib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from apps.core.observability import amazon_files, prometheus_files, tables

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = ("docs/observability.md", "docs/slo.md")
_MADE = "# Made by `python -m apps.core.observability.write`.\n"


def files(root: Path = ROOT) -> Mapping[str, str]:
    """Return every file that follows from the lists, by its place below `root`."""
    made = {
        "terraform/modules/monitoring/alarms.json": _json(amazon_files.alarms()),
        "terraform/modules/monitoring/dashboard.json": _json(amazon_files.dashboard()),
        "docker/observability/grafana-dashboard.json": _json(prometheus_files.grafana()),
        "docker/observability/prometheus-rules.yaml": _yaml(prometheus_files.rules()),
        "docker/observability/prometheus.yaml": _yaml(prometheus_files.scrape_settings()),
    }
    for place in DOCUMENTS:
        made[place] = tables.fill_in((root / place).read_text(encoding="utf-8"))
    return made


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _yaml(value: Any) -> str:
    text: str = yaml.safe_dump(value, sort_keys=False, width=100, allow_unicode=True)
    return _MADE + text


def differences(root: Path = ROOT) -> list[str]:
    """Return the lines by which the files below `root` differ from what they should be."""
    lines: list[str] = []
    for place, text in files(root).items():
        path = root / place
        old = path.read_text(encoding="utf-8") if path.is_file() else ""
        lines += difflib.unified_diff(
            old.splitlines(), text.splitlines(), place, "what the lists say", lineterm=""
        )
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files; with `--check` only compare, and return 1 if any differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, say what differs")
    if parser.parse_args(arguments).check:
        lines = differences()
        if lines:
            sys.stdout.write("\n".join(lines) + "\n")
            sys.stdout.write("Write them anew: python -m apps.core.observability.write\n")
        return 1 if lines else 0
    for place, text in files().items():
        path = ROOT / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
