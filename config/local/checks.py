"""`make test`, `make test-slow`, `make lint` and `make format`: every check, cheap ones first.

A check that fails does not keep the others from running; the exit code says whether any did.
"""

import difflib
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from config.local import infrastructure
from config.local.audit import no_known_vulnerabilities
from config.local.chromium import require_chromium
from config.local.debian import can_install, find_program, install_packages
from config.local.install import ROOT, RefusedError, paragraph

SCHEMA = ROOT / "docs" / "openapi.yaml"
_BIN = Path(sys.executable).parent
_SOURCES = ("apps", "config", "gpu_tasks", "manage.py")
# Each takes a gigabyte of memory.
_MOST_TEST_PROCESSES = 4
# For what loads Django's settings without touching a database.
_NO_SERVERS = {
    "DJANGO_SETTINGS_MODULE": "config.settings.test",
    "EASEL_DATABASE_URL": "postgresql:///nobody-connects",
    "EASEL_REDIS_URL": "redis://127.0.0.1:1/0",
    # The description of the API has the part of staff too.
    "EASEL_SERVE_ADMIN": "true",
}
# What `make test` looks at in a browser: it is to stay below a quarter of an hour. The other pages
# are for `make test-slow`.
_FIRST_PAGES = tuple(
    f"tests/browser/test_{name}.py" for name in ("accounts", "journey", "pages", "gallery_boards")
)
_PRODUCTION = "tests/production"
_TESTS_OF_RUNS = tuple(
    f"tests/generation/test_{name}.py"
    for name in (
        *("cancel_latency", "charges", "credit_audit", "fairness", "leases", "queue_races"),
        *("receipts", "runner"),
    )
)


@dataclass(frozen=True, slots=True)
class Check:
    """Something that either holds or not; `run` returns True when it holds."""

    name: str
    run: Callable[[], bool]


def run_program(*words: str | Path, **environment: str) -> bool:
    """Run a program of the virtual environment in the checkout; True if its exit code is 0."""
    result = subprocess.run(
        [str(word) for word in words],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        check=False,
        env={
            **os.environ,
            # Node's tools look for `node` there.
            "PATH": f"{_BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "PYTHONUNBUFFERED": "1",
            **environment,
        },
    )
    return result.returncode == 0


def program(name: str, *words: str | Path, **environment: str) -> Check:
    """Make a check of a program in the virtual environment."""
    return Check(name, lambda: run_program(*words, **environment))


def install_node_packages() -> bool:
    """Install what package-lock.json names, unless that has been done."""
    lock = ROOT / "package-lock.json"
    if not lock.is_file():
        print("package-lock.json is missing: the checks of our JavaScript cannot run.")
        return False
    stamp = ROOT / "node_modules" / ".easel-lock"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == digest:
        return True
    done = run_program(_BIN / "npm", "ci", "--no-audit", "--no-fund")
    if done:
        stamp.write_text(digest)
    return done


def schema_is_in_step() -> bool:
    """Compare the API description in the repository with what the code says now."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder, "openapi.yaml")
        if not write_schema(fresh):
            return False
        new = fresh.read_text(encoding="utf-8").splitlines()
    old = SCHEMA.read_text(encoding="utf-8").splitlines() if SCHEMA.is_file() else []
    for line in difflib.unified_diff(old, new, str(SCHEMA), "what the code says", lineterm=""):
        print(line)
    if old != new:
        print("The API and its description differ. If the change is meant: make openapi")
    return old == new


def write_schema(target: Path) -> bool:
    """Write the API description to `target`; a warning of the generator is a failure."""
    arguments = ["--validate", "--fail-on-warn", "--file", str(target)]
    return run_program(sys.executable, "manage.py", "spectacular", *arguments, **_NO_SERVERS)


def has_chromium() -> bool:
    """Find or install a Chromium for the browser tests."""
    try:
        print(f"Using {require_chromium()}")
    except RefusedError as refusal:
        print(paragraph(str(refusal)))
        return False
    return True


def has_pgbouncer() -> bool:
    """Find or install a PgBouncer for the test behind a pooler."""
    if find_program("pgbouncer") is None and can_install():
        install_packages("pgbouncer")
    found = find_program("pgbouncer")
    print(
        f"Using {found}"
        if found
        else "The tests need a PgBouncer. Install one (Debian: apt-get install pgbouncer; macOS: "
        "brew install pgbouncer) and run the same command again."
    )
    return found is not None


def side_by_side(*groups: str) -> list[Check]:
    """Make a check of each group, which run at the same time; the first one starts them all."""
    running: dict[str, subprocess.Popen[str]] = {}

    def start() -> None:
        for group in groups:
            running[group] = subprocess.Popen(
                [sys.executable, "-m", "config.local.checks", group],
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def end(group: str) -> bool:
        if not running:
            start()
        output, _none = running[group].communicate()
        print(output, end="")
        return running[group].returncode == 0

    return [Check(group, partial(end, group)) for group in groups]


def lint_checks() -> list[Check]:
    """Return the checks that only read the sources."""
    module = (sys.executable, "-m")
    return [
        program("ruff check", *module, "ruff", "check"),
        program("ruff format", *module, "ruff", "format", "--check"),
        program("bandit", *module, "bandit", "-q", "-c", "pyproject.toml", "-r", *_SOURCES),
        program("import rules", _BIN / "lint-imports", **_NO_SERVERS),
        Check("npm ci", install_node_packages),
        program("ESLint", _BIN / "npm", "run", "--silent", "lint"),
        program("tsc", _BIN / "npm", "run", "--silent", "types"),
        program("mypy", *module, "mypy", ".", **_NO_SERVERS),
        program("safety of migrations", *module, "config.local.migration_safety"),
        Check("pip-audit", no_known_vulnerabilities),
    ]


def test_checks() -> list[Check]:
    """Return everything `make test` runs."""
    coverage = (sys.executable, "-m", "coverage")
    # Under `coverage run`, since the plug-ins that start the servers are loaded before pytest-cov
    # would begin to look.
    pytest = (*coverage, "run", "-m", "pytest")
    return [
        *side_by_side("lint", "infrastructure"),
        program(
            "migrations",
            *(sys.executable, "-W", "ignore", "manage.py"),
            *("makemigrations", "--check", "--dry-run"),
            **_NO_SERVERS,
        ),
        Check("OpenAPI in step", schema_is_in_step),
        Check("Chromium", has_chromium),
        program("old coverage", *coverage, "erase"),
        program(
            "tests",
            *(*pytest, "-m", "not slow", "--ignore", "tests/browser", *_side_by_side()),
            # As many processes as cores are there already.
            OMP_NUM_THREADS="1",
        ),
        # Without the measure, which makes pages half as quick; it is there from the others.
        program(
            "browser tests",
            *(sys.executable, "-m", "pytest", "-m", "not slow", *_by_file(), *_FIRST_PAGES),
        ),
        program("coverage data", *coverage, "combine", "--quiet"),
        program("coverage", *coverage, "report"),
    ]


def infrastructure_checks() -> list[Check]:
    """Return the checks of Terraform, images and pipelines but for their tests."""
    module = (sys.executable, "-m")
    return [
        Check("tools for the infrastructure", infrastructure.has_tools),
        Check("terraform fmt", infrastructure.terraform_is_formatted),
        Check("terraform validate", infrastructure.terraform_is_valid),
        Check("checkov", infrastructure.checkov),
        Check("hadolint", infrastructure.hadolint),
        Check("actionlint", infrastructure.actionlint),
        Check("zizmor", infrastructure.zizmor),
        program("observability in step", *module, "apps.core.observability.write", "--check"),
    ]


def infra_check_checks() -> list[Check]:
    """Return what `make infra-check` runs."""
    pytest = (sys.executable, "-m", "pytest")
    return [
        *infrastructure_checks(),
        program(
            "tests of the infrastructure",
            *(*pytest, "-m", "not slow", *_side_by_side(), "tests/infrastructure"),
        ),
    ]


def _side_by_side() -> tuple[str, ...]:
    # Each process has servers of its own.
    processes = min(os.cpu_count() or 1, _MOST_TEST_PROCESSES)
    spread = ("--numprocesses", str(processes), "--dist", "worksteal") if processes > 1 else ()
    return (*spread, "--durations", "30")


def _by_file() -> tuple[str, ...]:
    # The tests of a file share a web process, a worker and a browser, which start slowly.
    return (*_side_by_side(), "--dist", "loadfile")


def slow_checks() -> list[Check]:
    """Return what `make test-slow` runs."""
    pytest = (sys.executable, "-m", "pytest")
    return [
        Check("npm ci", install_node_packages),
        Check("Chromium", has_chromium),
        Check("PgBouncer", has_pgbouncer),
        program(
            "slow tests",
            *(*pytest, "-m", "slow", "--ignore", _PRODUCTION, *_side_by_side()),
            OMP_NUM_THREADS="1",
        ),
        # One run of everything for all of them.
        program("production-like run", *pytest, "-m", "slow", "--durations", "0", _PRODUCTION),
        program(
            "other browser tests",
            *(*pytest, "-m", "not slow", *_by_file(), "tests/browser"),
            *(f"--ignore={file}" for file in _FIRST_PAGES),
        ),
        program(
            "lists compared",
            *(*pytest, "-p", "pytest_benchmark.plugin", "tests/benchmarks/compare_lists.py"),
        ),
        # What a job costs, who sees it and how it ends must not depend on what it was made with.
        program(
            "tests with shared passes",
            *(*pytest, "-m", "not slow", *_side_by_side(), *_TESTS_OF_RUNS),
            EASEL_BATCHING="force",
            OMP_NUM_THREADS="1",
        ),
    ]


def format_checks() -> list[Check]:
    """Return what puts the sources into shape."""
    module = (sys.executable, "-m", "ruff")
    return [
        program("ruff fixes", *module, "check", "--fix"),
        program("ruff format", *module, "format"),
    ]


def schema_checks() -> list[Check]:
    """Return what writes the API description anew."""
    return [Check("OpenAPI", lambda: write_schema(SCHEMA))]


GROUPS = {
    "test": test_checks,
    "test-slow": slow_checks,
    "lint": lint_checks,
    "format": format_checks,
    "openapi": schema_checks,
    "infra-check": infra_check_checks,
    "infrastructure": infrastructure_checks,
}


def run_all(checks: Sequence[Check]) -> int:
    """Run every check and print which failed; return 1 if any did, else 0."""
    failed = []
    for check in checks:
        print(f"\n── {check.name} ──", flush=True)
        started = time.monotonic()
        if not check.run():
            failed.append(check.name)
        print(f"── {check.name}: {time.monotonic() - started:.0f} s", flush=True)
    print(f"\nFAILED: {', '.join(failed)}." if failed else "\nAll is well.", flush=True)
    return 1 if failed else 0


def main() -> int:
    """Run the group of checks named on the command line."""
    try:
        return run_all(GROUPS[sys.argv[1]]())
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
