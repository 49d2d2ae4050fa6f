"""`make infra-check`: what can be said of Terraform, images and pipelines without AWS."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from config.local.infrastructure_tools import require_tools, tool
from config.local.install import ROOT, RefusedError, paragraph

TERRAFORM = ROOT / "terraform"
_PROGRAM = ROOT / "config" / "infrastructure" / "terraform_program.py"
# What `validate` says when it comes to the providers, which cannot be had here. All it finds before
# that counts; arguments of resources are for tests/infrastructure.
_NO_PROVIDERS = frozenset(
    {"Missing required provider", "Missing plugins", "Inconsistent dependency lock file"}
)


def has_tools() -> bool:
    """Install the tools; False, with the reason, if that fails."""
    try:
        require_tools()
    except RefusedError as refusal:
        print(paragraph(str(refusal)))
        return False
    return True


def terraform(*words: str) -> subprocess.CompletedProcess[str]:
    """Run Terraform in the checkout."""
    return subprocess.run(
        [tool("python"), _PROGRAM, *words],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        # Neither a user's own settings nor colours.
        env={**os.environ, "TF_CLI_CONFIG_FILE": os.devnull, "TF_CLI_ARGS": "-no-color"},
    )


def terraform_is_formatted(folder: Path = TERRAFORM) -> bool:
    """Compare every file with what `terraform fmt` would make of it."""
    result = terraform("fmt", "-check", "-diff", "-recursive", str(folder))
    print(result.stdout + result.stderr, end="")
    return result.returncode == 0


def terraform_is_valid(folder: Path = TERRAFORM) -> bool:
    """Let Terraform read every environment, as far as it comes without providers."""
    environments = sorted(path.parent.name for path in folder.glob("environments/*/main.tf"))
    found = []
    with tempfile.TemporaryDirectory() as draft:
        # `get` writes into the folder.
        copy = shutil.copytree(folder, Path(draft, "terraform"))
        for name in environments:
            found += [f"{name}: {line}" for line in _complaints(copy / "environments" / name)]
    print("\n".join(found) or f"Read {', '.join(environments)}.")
    return bool(environments) and not found


def _complaints(folder: Path) -> list[str]:
    got = terraform(f"-chdir={folder}", "get")
    if got.returncode != 0:
        return [got.stderr.strip()]
    answer = json.loads(terraform(f"-chdir={folder}", "validate", "-json").stdout)
    return [
        _complaint(each) for each in answer["diagnostics"] if each["summary"] not in _NO_PROVIDERS
    ]


def _complaint(diagnostic: dict[str, Any]) -> str:
    place = diagnostic.get("range", {})
    line = place.get("start", {}).get("line", "")
    return f"{place.get('filename', '')}:{line}: {diagnostic['summary']}: {diagnostic['detail']}"


def files_to_check(*patterns: str) -> list[Path]:
    """Return the files of some patterns in the checkout.

    Raises:
        FileNotFoundError: a pattern has none, so nothing would be checked.
    """
    found = []
    for pattern in patterns:
        files = sorted(ROOT.glob(pattern))
        if not files:
            raise FileNotFoundError(f"no file is {pattern}")
        found += files
    return found


def run_tool(name: str, *words: str | Path) -> bool:
    """Run a tool in the checkout, with the other tools in reach; True if it finds nothing."""
    path = f"{tool(name).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    result = subprocess.run(
        [tool(name), *words],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        check=False,
        env={**os.environ, "PATH": path, "LOG_LEVEL": "ERROR"},
    )
    return result.returncode == 0


def checkov(*folders: Path) -> bool:
    """Look for what checkov advises against; what is skipped says why in the file."""
    directories = [word for folder in folders or (TERRAFORM,) for word in ("--directory", folder)]
    return run_tool(
        "checkov",
        *directories,
        *("--config-file", ROOT / ".checkov.yaml"),
    )


def hadolint(files: Sequence[Path] = ()) -> bool:
    """Lint the images' build files."""
    return run_tool("hadolint", *(files or files_to_check("docker/*.Dockerfile")))


def actionlint(files: Sequence[Path] = ()) -> bool:
    """Lint the pipelines, with ShellCheck over their scripts."""
    return run_tool("actionlint", *(files or files_to_check(".github/workflows/*.y*ml")))


def zizmor(files: Sequence[Path] = ()) -> bool:
    """Look for weaknesses in the pipelines, without asking GitHub."""
    return run_tool(
        *("zizmor", "--offline", "--no-progress", "--quiet"),
        *(files or files_to_check(".github/workflows/*.y*ml")),
    )
