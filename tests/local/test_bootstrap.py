"""The entry that must be understood by any Python."""

import ast
import os
import sys
from pathlib import Path

import pytest

from config.local import bootstrap

SOURCE = Path(bootstrap.__file__)


def make_program(path: Path, script: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_its_syntax_is_that_of_python_3_6() -> None:
    ast.parse(SOURCE.read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("version", [(3, 8, 18), (3, 10, 4), (3, 12, 1)])
def test_a_wrong_python_alone_is_refused_in_one_paragraph(
    version: tuple[int, int, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit) as exit_info:
        bootstrap.main()
    assert exit_info.value.code == 1
    message = " ".join(capsys.readouterr().err.split())
    assert message.startswith("Easel needs Python 3.11, and this machine's python3 is Python 3.")
    assert "apt-get install python3.11 python3.11-venv" in message
    assert "make up PYTHON=/path/to/python3.11" in message


def test_under_a_wrong_python_a_python_3_11_elsewhere_takes_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_program(tmp_path / "broken" / "python3.11", "echo 'version not installed' >&2; exit 127")
    make_program(tmp_path / "good" / "python3.11", f'exec "{sys.executable}" "$@"')
    monkeypatch.setattr(sys, "version_info", (3, 12, 1))
    monkeypatch.setattr(sys, "argv", ["bootstrap.py", "up"])
    monkeypatch.setenv("PATH", f"{tmp_path}/broken{os.pathsep}{tmp_path}/good")
    replaced: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(os, "execv", lambda program, words: replaced.append((program, words)))
    bootstrap.main()
    program = str(tmp_path / "good" / "python3.11")
    assert replaced == [(program, [program, str(SOURCE.parent / "install.py"), "up"])]


def test_a_program_that_is_not_there_is_not_wanted(tmp_path: Path) -> None:
    assert bootstrap.is_wanted(str(tmp_path / "nothing")) is False
