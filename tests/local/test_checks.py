"""The checks behind `make test`, and the rule that a skipped test is a failed one in CI."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.local import checks, chromium, debian
from config.local.install import RefusedError
from config.local.lock import without_torch

ROOT = Path(__file__).parents[2]


def test_a_failing_check_hides_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    ran: list[str] = []

    def check(name: str, *, holds: bool) -> checks.Check:
        def run() -> bool:
            ran.append(name)
            return holds

        return checks.Check(name, run)

    assert checks.run_all([check("a", holds=False), check("b", holds=True)]) == 1
    assert ran == ["a", "b"]
    assert capsys.readouterr().out.splitlines()[-1] == "FAILED: a."
    assert checks.run_all([check("b", holds=True)]) == 0


def test_cheap_checks_come_first_and_the_tests_with_their_coverage_last() -> None:
    names = [check.name for check in checks.test_checks()]
    assert names[:2] == ["lint", "infrastructure"]
    assert names[-5:] == [
        "old coverage",
        "tests",
        "browser tests",
        "coverage data",
        "coverage",
    ]
    assert {"migrations", "OpenAPI in step"} < set(names)
    lint = {check.name for check in checks.GROUPS["lint"]()}
    assert {"ruff check", "mypy", "import rules", "ESLint", "tsc"} < lint


def test_groups_run_at_the_same_time_and_each_has_its_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # The first waits for what the second does, and each says what it is.
    (tmp_path / "config" / "local").mkdir(parents=True)
    (tmp_path / "config" / "local" / "checks.py").write_text(
        "import pathlib, sys, time\n"
        "print('this is', sys.argv[1])\n"
        "if sys.argv[1] == 'second': pathlib.Path('done').touch(); sys.exit(1)\n"
        "while not pathlib.Path('done').exists(): time.sleep(0.01)\n"
    )
    monkeypatch.setattr(checks, "ROOT", tmp_path)

    first, second = checks.side_by_side("first", "second")

    assert (first.run(), second.run()) == (True, False)
    assert capsys.readouterr().out == "this is first\nthis is second\n"


def test_a_missing_package_lock_is_a_failure_not_a_skip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "ROOT", tmp_path)
    assert checks.install_node_packages() is False


def test_node_packages_are_installed_once_for_a_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[object, ...]] = []

    def run_program(*words: object, **_environment: str) -> bool:
        calls.append(words)
        (tmp_path / "node_modules").mkdir(exist_ok=True)
        return True

    monkeypatch.setattr(checks, "ROOT", tmp_path)
    monkeypatch.setattr(checks, "run_program", run_program)
    lock = tmp_path / "package-lock.json"
    lock.write_text("{}")
    assert checks.install_node_packages()
    assert checks.install_node_packages()
    assert len(calls) == 1
    lock.write_text('{"name": "easel"}')
    assert checks.install_node_packages()
    assert len(calls) == 2


@pytest.mark.parametrize(("now", "in_step"), [("a: 1\n", True), ("a: 2\n", False)])
def test_the_description_of_the_api_must_be_what_the_code_says(
    now: str,
    in_step: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def write_schema(target: Path) -> bool:
        target.write_text(now)
        return True

    monkeypatch.setattr(checks, "SCHEMA", tmp_path / "openapi.yaml")
    monkeypatch.setattr(checks, "write_schema", write_schema)
    assert checks.schema_is_in_step() is False
    checks.SCHEMA.write_text("a: 1\n")
    assert checks.schema_is_in_step() is in_step
    assert "make openapi" in capsys.readouterr().out


@pytest.mark.parametrize("in_ci", [False, True])
def test_in_ci_a_skipped_test_is_a_failed_one(in_ci: bool, tmp_path: Path) -> None:
    (tmp_path / "test_sample.py").write_text(
        "import pytest\n"
        "def test_passes(): pass\n"
        "def test_skips(): pytest.skip('no browser')\n"
        "@pytest.mark.xfail\ndef test_is_expected_to_fail(): assert False\n"
    )
    (tmp_path / "test_module.py").write_text("import pytest\npytest.importorskip('no_such')\n")
    environment = {key: value for key, value in os.environ.items() if key != "CI"}
    result = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", tmp_path, tmp_path),
            *("-p", "tests.plugins.no_skips", "-p", "no:django", "-p", "no:cacheprovider", "-q"),
        ],
        cwd=ROOT,
        env=environment | ({"CI": "true"} if in_ci else {}),
        capture_output=True,
        text=True,
        check=False,
    )
    last = result.stdout.splitlines()[-1]
    if in_ci:
        assert result.returncode != 0
        assert "Skipped, which counts as failed in CI. " in result.stdout
        assert "1 error" in last
    else:
        assert result.returncode == 0
        assert "1 passed, 2 skipped, 1 xfailed" in last


def browser(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def no_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any browser; returns the only folder in PATH."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "playwright"))
    monkeypatch.delenv("EASEL_CHROMIUM", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    chromium.find_chromium.cache_clear()
    return tmp_path


def test_the_browser_that_is_asked_for_comes_before_all_others(
    no_browser: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser(no_browser, "bin/chromium", "echo Chromium 1")
    mine = browser(no_browser, "mine", "echo Chromium 2")
    monkeypatch.setenv("EASEL_CHROMIUM", str(mine))
    assert chromium.find_chromium() == mine


def test_a_stub_is_passed_over_for_playwrights_own(no_browser: Path) -> None:
    browser(no_browser, "bin/chromium-browser", "echo install the snap; exit 1")
    own = browser(no_browser, "playwright/chromium-1200/chrome-linux64/chrome", "echo Chromium 3")
    assert chromium.find_chromium() == own
    assert chromium.require_chromium() == own


def test_a_wrong_setting_is_refused_and_not_passed_over(
    no_browser: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser(no_browser, "bin/chromium", "echo Chromium 1")
    monkeypatch.setenv("EASEL_CHROMIUM", str(no_browser / "nothing"))
    with pytest.raises(RefusedError, match=r"EASEL_CHROMIUM names .*nothing"):
        chromium.require_chromium()


def test_without_any_it_is_installed_or_said_what_to_install(
    no_browser: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[tuple[str, ...]] = []

    def run(*command: str) -> str:
        commands.append(command)
        return "E: no network\n"

    for module in (chromium, debian):
        monkeypatch.setattr(module, "run_installer", run)
    with pytest.raises(RefusedError, match=r"(?s)apt-get install chromium fonts.*E: no network"):
        chromium.require_chromium()
    assert commands[-1][1:] == ("-m", "playwright", "install", "chromium")


def test_as_root_on_debian_the_distributions_browser_is_installed(
    no_browser: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser(no_browser, "bin/apt-get", "exit 1")
    commands: list[tuple[str, ...]] = []

    def run(*command: str) -> str:
        commands.append(command)
        if "install" in command:
            browser(no_browser, "bin/chromium", "echo Chromium 4")
        return ""

    for module in (chromium, debian):
        monkeypatch.setattr(module, "run_installer", run)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert chromium.require_chromium() == no_browser / "bin" / "chromium"
    assert commands[0] == ("apt-get", "update")
    assert commands[1][:3] == ("apt-get", "install", "-y")
    assert {"chromium", "fonts-noto-cjk"} <= set(commands[1])


def test_torch_is_taken_out_of_a_lock_and_nothing_else() -> None:
    lock = (
        "tokenizers==0.23.3 \\\n    --hash=sha256:aa\n    # via transformers\n"
        "torch==2.13.0+cpu \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n"
        "    # via\n    #   -r worker.in\n    #   peft\n"
        "torchvision==0.28.0 \\\n    --hash=sha256:ee\n    # via spandrel\n"
        "transformers==5.23.0 \\\n    --hash=sha256:dd\n"
    )
    assert without_torch(lock) == (
        "tokenizers==0.23.3 \\\n    --hash=sha256:aa\n    # via transformers\n"
        "transformers==5.23.0 \\\n    --hash=sha256:dd\n"
    )
