"""Look our locked packages up among the known vulnerabilities, where those can be reached."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests

from config.local.install import ROOT

FOLDER = ROOT / "requirements"
SERVICE = "https://pypi.org/pypi/pip/json"


def no_known_vulnerabilities() -> bool:
    """Audit every lock, and torch, which no lock can hold; False if anything was found.

    A machine that cannot ask says why and goes on: the answer is not in the sources.
    """
    # The tools of `.venv-infra` are no part of it: they look at nothing but our own files.
    locks = sorted(path for path in FOLDER.glob("*.txt") if path.stem != "infra")
    with tempfile.TemporaryDirectory() as folder:
        pins = Path(folder, "pins.txt")
        worker = (FOLDER / "worker.in").read_text(encoding="utf-8")
        pins.write_text("\n".join(re.findall(r"^torch==\S+", worker, re.MULTILINE)))
        return _audit(locks, "--require-hashes") and _audit([pins], "--no-deps")


def _audit(requirements: Sequence[Path], mode: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        result = subprocess.run(
            [
                *(sys.executable, "-m", "pip_audit", "--disable-pip", mode),
                *("--progress-spinner", "off", "--format", "json", "--output", str(report)),
                *(word for path in requirements for word in ("--requirement", str(path))),
            ],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if report.is_file():
            return judge(json.loads(report.read_text(encoding="utf-8"))["dependencies"])
    reason = why_unreachable()
    print(f"Not audited: {reason}" if reason else result.stdout + result.stderr)
    return bool(reason)


def judge(packages: Sequence[dict[str, Any]]) -> bool:
    """Print what was found in pip-audit's list of packages; False if anything is vulnerable."""
    known = [package for package in packages if "skip_reason" not in package]
    if not known:
        print("Not audited: what answers as pypi.org here has no data on vulnerabilities.")
        return True
    vulnerable = [package for package in known if package["vulns"]]
    for package in vulnerable:
        for found in package["vulns"]:
            fixed = ", ".join(found["fix_versions"]) or "no version yet"
            print(f"{package['name']} {package['version']}: {found['id']}, fixed in {fixed}")
    print(f"{len(known)} of {len(packages)} packages audited, {len(vulnerable)} vulnerable.")
    return not vulnerable


def why_unreachable() -> str:
    """Return why the service cannot be asked, or nothing if it can."""
    try:
        requests.get(SERVICE, timeout=10).raise_for_status()
    except requests.RequestException as error:
        return f"pypi.org cannot be reached ({type(error).__name__})."
    return ""
