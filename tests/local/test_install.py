"""Installing: stamps, repairs and refusals. pip and venv themselves are stood in for."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from config.local import install
from config.local.install import RefusedError


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with locks and no environment yet."""
    requirements = tmp_path / "requirements"
    requirements.mkdir()
    (requirements / "local.txt").write_text("django==5.2.19\n")
    (requirements / "dev.txt").write_text("ruff==0.17.6\n")
    (requirements / "worker.in").write_text("peft==0.21.2\ntorch==2.13.0\n")
    monkeypatch.setattr(install, "ROOT", tmp_path)
    monkeypatch.setattr(install, "VENV", tmp_path / ".venv")
    monkeypatch.setenv("EASEL_VAR_DIR", str(tmp_path / "var"))
    return tmp_path


@pytest.fixture
def pip_calls(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """Record the calls of pip; the environment is a folder with a link to this Python."""
    calls: list[Sequence[str]] = []

    def make_venv() -> None:
        python = install.venv_python()
        python.parent.mkdir(parents=True)
        python.symlink_to(sys.executable)

    monkeypatch.setattr(install, "make_venv", make_venv)
    monkeypatch.setattr(install, "update_pip", lambda: None)
    monkeypatch.setattr(install, "run_pip", calls.append)
    monkeypatch.setattr(install, "python_works", lambda: install.venv_python().exists())
    return calls


def test_a_first_install_is_stamped_and_the_second_is_none(
    checkout: Path, pip_calls: list[Sequence[str]]
) -> None:
    assert not install.is_installed("local")
    install.install("local")
    assert pip_calls == [
        ["-r", str(checkout / "requirements" / "local.txt")],
        install.OWN_ARGUMENTS,
    ]
    assert install.is_installed("local")
    assert not install.is_installed("dev")


def test_installing_for_development_covers_the_product(
    checkout: Path, pip_calls: list[Sequence[str]]
) -> None:
    install.install("dev")
    assert install.is_installed("local")
    assert install.is_installed("dev")


def test_a_changed_lock_is_installed_into_the_same_environment(
    checkout: Path, pip_calls: list[Sequence[str]]
) -> None:
    install.install("dev")
    marker = install.VENV / "marker"
    marker.touch()
    (checkout / "requirements" / "dev.txt").write_text("ruff==0.17.7\n")
    assert install.is_installed("local")
    assert not install.is_installed("dev")
    install.install("dev")
    assert install.is_installed("dev")
    assert marker.exists()


def test_an_environment_cut_off_in_the_middle_is_made_anew(
    checkout: Path,
    pip_calls: list[Sequence[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def cut_off(_arguments: Sequence[str]) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(install, "run_pip", cut_off)
        with pytest.raises(KeyboardInterrupt):
            install.install("local")
    (install.VENV / "half-a-package").touch()
    assert not install.is_installed("local")
    install.install("local")
    assert "did not come to its end: it is made anew" in capsys.readouterr().out
    assert install.is_installed("local")
    assert not (install.VENV / "half-a-package").exists()


def test_an_environment_of_the_users_own_is_completed_not_replaced(
    checkout: Path, pip_calls: list[Sequence[str]]
) -> None:
    install.make_venv()
    (install.VENV / "of-my-own").touch()
    install.install("local")
    assert (install.VENV / "of-my-own").exists()
    assert len(pip_calls) == 2


def test_an_environment_whose_python_is_gone_is_made_anew(
    checkout: Path, pip_calls: list[Sequence[str]]
) -> None:
    install.install("local")
    install.venv_python().unlink()
    (install.VENV / "old").touch()
    assert not install.is_installed("local")
    install.install("local")
    assert not (install.VENV / "old").exists()
    assert install.is_installed("local")


def test_a_lock_with_hashes_leaves_torch_to_a_call_of_its_own(checkout: Path) -> None:
    lock = checkout / "requirements" / "local.txt"
    lock.write_text("peft==0.21.2 \\\n    --hash=sha256:00\n")
    assert install.pip_arguments("local") == [
        ["--no-deps", "--require-hashes", "-r", str(lock)],
        ["torch==2.13.0"],
    ]


def test_a_missing_lock_is_refused(checkout: Path) -> None:
    (checkout / "requirements" / "dev.txt").unlink()
    with pytest.raises(RefusedError, match=r"dev.txt is missing.*\(git checkout requirements\)"):
        install.is_installed("dev")


def test_a_full_disk_is_refused_before_anything_is_made(
    checkout: Path, pip_calls: list[Sequence[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(checkout)._replace(free=100 * install.MIB)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(RefusedError, match=r"needs 4000 MiB, and 100 MiB are free\. Make room"):
        install.install("local")
    assert pip_calls == []
    assert not install.VENV.exists()


def test_an_environment_of_another_user_is_refused(
    checkout: Path, pip_calls: list[Sequence[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    install.VENV.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(RefusedError, match="belongs to another user"):
        install.install("local")
    assert pip_calls == []


def test_a_python_without_ensurepip_is_refused(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(RefusedError, match=r"ensurepip.*apt-get install python3.11-venv"):
        install.make_venv()


def test_a_failing_pip_is_refused_with_its_last_lines(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = install.venv_python()
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho 'ERROR: no route to the index'\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(RefusedError) as refusal:
        install.run_pip(["-r", "requirements/local.txt"])
    text = str(refusal.value)
    assert "check the network" in text
    assert text.endswith("\nERROR: no route to the index")
    assert str(checkout / "var" / "log" / "install.log") in text


@pytest.mark.parametrize(("version", "updated"), [("22.3.1", True), ("23.0.1", False)])
def test_only_an_old_pip_is_brought_up_to_date(
    version: str,
    updated: bool,
    checkout: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    python = install.venv_python()
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\necho {version}\n")
    python.chmod(0o755)
    calls: list[Sequence[str]] = []
    monkeypatch.setattr(install, "run_pip", calls.append)
    install.update_pip()
    assert calls == ([["--upgrade", "pip>=23.0"]] if updated else [])


def test_a_lock_that_another_process_holds_is_refused_by_its_number(checkout: Path) -> None:
    program = (
        "import sys, time; from config.local import install\n"
        "with install.only_one('up.lock', ''):\n    print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(RefusedError, match=rf"already running .*process {holder.pid}\)"),
            install.only_one("up.lock", install.ALREADY_UP),
        ):
            pytest.fail("two hold one lock")
        holder.kill()
    # The kernel lets go of a lock whose holder was killed.
    with install.only_one("up.lock", install.ALREADY_UP):
        assert (checkout / "var" / "up.lock").read_text() == f"{os.getpid()}\n"


def test_a_running_product_is_seen_before_anything_is_installed(
    checkout: Path, pip_calls: list[Sequence[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    with install.only_one("up.lock", install.ALREADY_UP):
        assert install.main(["up"]) == 1
    assert "already running from this checkout" in capsys.readouterr().err
    assert pip_calls == []


def test_the_command_takes_over_once_its_packages_are_there(
    checkout: Path, pip_calls: list[Sequence[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Replaced(BaseException):
        pass

    replaced: list[Sequence[str]] = []
    compiled: list[bool] = []

    def execv(_program: Path, words: Sequence[str]) -> None:
        replaced.append(words)
        assert compiled == [True]
        raise Replaced

    monkeypatch.setattr(os, "execv", execv)
    monkeypatch.setattr(os, "chdir", lambda _path: None)
    monkeypatch.setattr(
        install, "compile_messages", lambda: compiled.append(install.is_installed("dev"))
    )
    with pytest.raises(Replaced):
        install.main(["test"])
    assert replaced == [[str(install.venv_python()), "-m", "config.local.checks", "test"]]
    assert install.is_installed("dev")


def test_a_translation_that_cannot_be_compiled_stops_the_command(
    checkout: Path, pip_calls: list[Sequence[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout / "config").mkdir()
    (checkout / "config" / "messages.py").write_text("raise SystemExit('ko: line 3')\n")

    assert install.main(["up"]) == 1

    said = capsys.readouterr().err
    assert "The translations could not be compiled." in said
    assert "ko: line 3" in said


def test_an_unknown_command_is_told_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert install.main(["fly"]) == 2
    assert "up,test,test-slow" in capsys.readouterr().err


def test_a_message_is_one_paragraph_and_keeps_quoted_lines() -> None:
    text = install.paragraph("word " * 30 + "\nERROR: kept   as it is")
    lines = text.splitlines()
    assert max(len(line) for line in lines) <= 90
    assert lines[-1] == "    ERROR: kept   as it is"
