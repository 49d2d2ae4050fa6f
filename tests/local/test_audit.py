"""What the look-up of vulnerabilities makes of what it is told, and of no answer."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from config.local import audit

CLEAN = {"name": "django", "version": "5.2.19", "vulns": []}
UNKNOWN = {"name": "own", "skip_reason": "not found"}
VULNERABLE = {
    "name": "jinja2",
    "version": "2.4.1",
    "vulns": [{"id": "PYSEC-2019-217", "fix_versions": ["2.10.1"]}],
}


@pytest.mark.parametrize(
    ("packages", "holds", "said"),
    [
        ([CLEAN], True, "1 of 1 packages audited, 0 vulnerable."),
        ([CLEAN, UNKNOWN], True, "1 of 2 packages audited, 0 vulnerable."),
        ([CLEAN, VULNERABLE], False, "jinja2 2.4.1: PYSEC-2019-217, fixed in 2.10.1"),
        ([UNKNOWN], True, "Not audited: what answers as pypi.org here has no data"),
    ],
)
def test_what_is_found_decides(
    packages: list[dict[str, Any]], holds: bool, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.judge(packages) is holds
    assert said in capsys.readouterr().out


@pytest.fixture
def broken_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip-audit ends without a report."""

    def run(words: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(words, 1, "", "it broke")

    monkeypatch.setattr(subprocess, "run", run)


@pytest.mark.usefixtures("broken_audit")
def test_without_a_network_the_reason_is_said_and_the_check_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Nothing listens there.
    monkeypatch.setattr(audit, "SERVICE", "http://127.0.0.1:1/")

    assert audit.no_known_vulnerabilities() is True
    assert "Not audited: pypi.org cannot be reached (ConnectionError)." in capsys.readouterr().out


@pytest.mark.usefixtures("broken_audit")
def test_an_audit_that_breaks_by_itself_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(_url: str, **_options: Any) -> requests.Response:
        response = requests.Response()
        response.status_code = 200
        return response

    monkeypatch.setattr(requests, "get", answer)

    assert audit.no_known_vulnerabilities() is False
    assert "it broke" in capsys.readouterr().out


def test_every_lock_and_torch_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[list[str], str]] = []

    def look_up(requirements: list[Path], mode: str) -> bool:
        asked.append(([path.read_text() for path in requirements], mode))
        return True

    monkeypatch.setattr(audit, "_audit", look_up)
    assert audit.no_known_vulnerabilities() is True

    (locks, _), (pins, _) = asked
    assert len(locks) == 5
    assert pins[0].startswith("torch==")
