"""The start script of a GPU instance, as Terraform makes it, against stand-ins of what it calls."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from config.local.infrastructure_tools import tool
from config.local.install import ROOT

PROGRAM = ROOT / "config" / "infrastructure" / "terraform_program.py"
TEMPLATE = ROOT / "terraform" / "modules" / "gpu_tier" / "files" / "start.sh.tftpl"
SECRETS = ("EASEL_DATABASE_URL", "EASEL_REDIS_URL", "EASEL_SECRET_KEY")
GRACE_SECONDS = 1800

# Each writes its call down, and answers as the real one does where the scripts look at answers.
STAND_INS = {
    "aws": """
case "$*" in
*get-secret-value*) [ ! -e "$PLACE/away" ] || exit 255; echo "secret of $4" ;;
*get-parameter*) echo "1.dkr.ecr.example/easel-worker@sha256:1" ;;
esac
""",
    "docker": "",
    "chown": "",
    "mount": "",
    "systemctl": "",
    "mountpoint": "exit 1",
    "sleep": '[ "$(wc -l <"$PLACE/calls")" -lt 9 ] || exit 1',
    "metadata": """
case "$1" in
instance-id) echo i-1 ;;
*) [ -e "$PLACE/leaving" ] && echo Terminated || { touch "$PLACE/leaving"; echo InService; } ;;
esac
""",
}


@pytest.fixture(scope="module")
def start_script(tools: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    del tools
    folder = tmp_path_factory.mktemp("start")
    values = {
        "access_point": "fsap-1",
        "file_system": "fs-1",
        "gpus": 8,
        "user": 10001,
        "grace_seconds": GRACE_SECONDS,
        "group": "easel-production-gpu-dedicated",
        "hook": "leave",
        "image": "/easel/production/worker-image",
        "region": "ap-northeast-2",
        "log_group": "/easel/production/worker",
        "secrets": {name: f"arn:of:{name}" for name in SECRETS},
        "settings": {"EASEL_WORKER_QUEUE": "easel-gpu-dedicated.fifo"},
    }
    call = f"templatefile({json.dumps(str(TEMPLATE))}, {json.dumps(values)})"
    (folder / "main.tf").write_text(f'output "script" {{\n  value = {call}\n}}\n')
    terraform(folder, "apply", "-auto-approve")
    return terraform(folder, "output", "-raw", "script")


def terraform(folder: Path, *arguments: str) -> str:
    command = [str(tool("python")), str(PROGRAM), f"-chdir={folder}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name, answer in STAND_INS.items():
        stand_in = tmp_path / name
        stand_in.write_text(f'#!/bin/bash\necho "{name} $*" >>"$PLACE/calls"\n{answer}\n')
        stand_in.chmod(0o755)
    return tmp_path


def run(script: str, place: Path) -> tuple[int, list[str]]:
    """Run a script with its files below `place`; return its exit code and what it called."""
    for path in ("/usr/local/lib/easel", "/run"):
        script = script.replace(f"{path}/metadata", f"{place}/metadata")
        script = script.replace(f"{path}/easel", f"{place}/easel")
    environment = {"PATH": f"{place}:{os.environ['PATH']}", "PLACE": str(place)}
    done = subprocess.run(["bash", "-c", script], env=environment, check=False, timeout=60)
    return done.returncode, (place / "calls").read_text().splitlines()


def part(script: str, name: str) -> str:
    """Return the file that the start script writes under `name`."""
    found = re.search(rf"cat >\S*{re.escape(name)}'? <<'(\w+)'\n(.*?)\n\1\n", script, re.DOTALL)
    assert found, name
    return found[2]


def test_secrets_are_files_for_the_worker_alone(start_script: str, place: Path) -> None:
    code, calls = run(part(start_script, "easel/prepare"), place)

    assert code == 0
    for setting in SECRETS:
        file = place / "easel" / setting
        # A line's end would become part of the setting.
        assert file.read_text() == f"secret of arn:of:{setting}"
        assert file.stat().st_mode & 0o777 == 0o600
        assert f"{setting}_FILE=/run/secrets/{setting}" in part(start_script, "worker.env")
    assert f"chown --recursive 10001:10001 {place}/easel" in calls
    assert "docker pull --quiet 1.dkr.ecr.example/easel-worker@sha256:1" in calls
    assert (place / "easel-image").read_text().splitlines() == [
        "EASEL_IMAGE=1.dkr.ecr.example/easel-worker@sha256:1",
        "EASEL_INSTANCE=i-1",
    ]


def test_nothing_starts_on_half_of_the_secrets(start_script: str, place: Path) -> None:
    (place / "away").touch()

    code, calls = run(part(start_script, "easel/prepare"), place)

    assert code != 0
    assert not any(call.startswith(("docker", "mount ")) for call in calls)
    assert not (place / "easel-image").exists()


def test_workers_end_before_the_instance_may(start_script: str, place: Path) -> None:
    code, calls = run(part(start_script, "easel/leave"), place)

    assert code == 0
    # It looked twice: the group did not want the instance to end at first.
    assert calls.count("metadata autoscaling/target-lifecycle-state") == 2
    stopped = calls.index("systemctl stop easel-worker@*")
    (completed,) = (n for n, call in enumerate(calls) if "complete-lifecycle-action" in call)
    assert stopped < completed
    assert "--instance-id i-1 --lifecycle-action-result CONTINUE" in calls[completed]


def test_docker_waits_longer_than_a_worker_may_take(start_script: str) -> None:
    unit = part(start_script, "easel-worker@.service")
    (docker,) = re.findall(r"docker stop --time (\d+)", unit)
    (systemd,) = re.findall(r"TimeoutStopSec=(\d+)", unit)

    assert GRACE_SECONDS < int(docker) < int(systemd)


def test_a_p4d_has_eight_workers_with_one_gpu_each(start_script: str) -> None:
    assert "for number in $(seq 0 7); do" in start_script
    assert "--gpus device=%i" in part(start_script, "easel-worker@.service")
    assert (
        subprocess.run(["bash", "-n"], input=start_script, text=True, check=False).returncode == 0
    )
