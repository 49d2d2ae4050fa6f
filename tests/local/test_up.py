"""What `make up` decides before and around the parts it runs."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from config.local import stripe, up
from config.local.install import ALREADY_UP, MIB, RefusedError, only_one
from config.local.parts import spawn, stop, wait_until_ready
from config.local.state import ServerState
from config.local.valkey import temporary_valkey

ROOT = Path(__file__).parents[2]


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> up.Options:
    monkeypatch.setenv("EASEL_VAR_DIR", str(tmp_path / "var"))
    return up.read_options({"PATH": "/bin", "EASEL_PORT": "8123"})


def test_a_port_in_use_is_refused_by_its_holders_name_with_a_way_out() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(RefusedError) as refusal:
            up.check_port(port)
    assert str(refusal.value).startswith(
        f"Port {port} is in use by process {os.getpid()} (pytest). Stop what uses it"
    ) or f"by process {os.getpid()} (python" in str(refusal.value)
    assert str(refusal.value).endswith(f"EASEL_PORT={port + 1} make up")
    up.check_port(port)


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "٣"])
def test_a_port_that_is_none_is_refused(
    port: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_VAR_DIR", str(tmp_path))
    with pytest.raises(RefusedError, match="must be a number from 1 to 65535"):
        up.read_options({"EASEL_PORT": port})


def test_the_parts_get_our_settings_and_not_somebody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_VAR_DIR", str(tmp_path))
    options = up.read_options(
        {
            "HOME": "/home/ada",
            "PYTHONPATH": "/elsewhere",
            "DJANGO_SETTINGS_MODULE": "other.settings",
            "EASEL_DATABASE_URL": "postgresql:///mine",
            "EASEL_LOG_FORMAT": "json",
        }
    )
    assert options.environment == {
        "HOME": "/home/ada",
        "DJANGO_SETTINGS_MODULE": "config.settings.local",
        "EASEL_DATABASE_URL": "postgresql:///mine",
        "EASEL_LOG_FORMAT": "json",
        "EASEL_VAR_DIR": str(tmp_path),
        "EASEL_PORT": "8000",
        "PYTHONUNBUFFERED": "1",
    }
    assert (options.own_database, options.own_redis) == (False, True)


def test_the_worker_ends_warm_and_the_parts_start_scheduler_first(options: up.Options) -> None:
    parts = up.product_parts(options)
    assert [part.name for part in parts] == ["scheduler", "worker", "web"]
    worker = parts[1]
    assert worker.stop_signal is signal.SIGTERM
    assert worker.stop_seconds >= 30
    assert all(part.orphan_signal is signal.SIGKILL for part in parts)
    assert "8123" in parts[2].argv


def test_the_servers_keep_their_port_and_passwords_from_start_to_start(
    options: up.Options,
) -> None:
    _, first, state = up.prepare_servers(options)
    _, second, again = up.prepare_servers(options)
    assert second.port == first.port
    assert again == state == ServerState.load(options.var_dir)
    _forget(state)


def test_a_valkey_port_that_somebody_took_meanwhile_is_replaced(options: up.Options) -> None:
    _, _, state = up.prepare_servers(options)
    with temporary_valkey() as holder:
        state.valkey_port = holder.port
        state.save(options.var_dir)
        _, valkey, again = up.prepare_servers(options)
        assert valkey.port != holder.port
        assert again.valkey_port == valkey.port
    _forget(again)


def test_a_copied_checkout_is_told_which_database_is_its_own(
    options: up.Options, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, state = up.prepare_servers(options)
    home, former = state.postgres_home, tmp_path / "former"
    for exists in (False, True):
        state.postgres_home = str(former)
        state.save(options.var_dir)
        up.prepare_servers(options)
        said = capsys.readouterr().out
        assert (f"its database is now {home}, and no longer {former}" in said) is exists
        former.mkdir(exist_ok=True)
    state.postgres_home = home
    _forget(state)


def _forget(state: ServerState) -> None:
    """Remove what lies outside the test's own folder: a root's pytest folder is closed."""
    shutil.rmtree(state.socket_dir, ignore_errors=True)
    shutil.rmtree(Path(state.postgres_home).parent, ignore_errors=True)


def test_a_full_disk_is_refused_before_anything_starts(
    options: up.Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")._replace(free=20 * MIB)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(RefusedError, match="running needs 500 MiB, and 20 MiB are free"):
        up.run(options)
    assert up.disk_is_full(options.var_dir) == "The disk is full: 20 MiB are free; make room there."
    assert not (options.var_dir / "servers.json").exists()


def test_a_second_one_of_the_same_checkout_is_refused(
    options: up.Options, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MAKELEVEL", raising=False)
    with only_one("up.lock", ALREADY_UP):
        assert up.main() == 1
    assert f"(process {os.getpid()})" in " ".join(capsys.readouterr().err.split())


def test_a_web_process_that_is_not_there_does_not_answer() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert up.answers(unused.getsockname()[1], "/readyz") is False


def test_a_terminal_that_is_closed_ends_the_whole_though_no_signal_comes(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path\n"
        "from config.local.supervisor import Supervisor; from config.local.up import serve\n"
        "async def bring_up(): print('up', flush=True)\n"
        "asyncio.run(serve(Supervisor(Path(sys.argv[1])), bring_up))\n"
        "Path(sys.argv[1], 'ended').touch()"
    )
    master, slave = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path], cwd=ROOT, stdout=slave, stderr=slave
    )
    os.close(slave)
    assert os.read(master, 100).strip() == b"up"
    assert process.poll() is None
    os.close(master)
    assert process.wait(60) == 0
    assert (tmp_path / "ended").exists()


def test_without_a_word_there_is_no_stripe(options: up.Options) -> None:
    assert not options.stripe_stand_in


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"STRIPE": "yes"}, "STRIPE is “yes”; it can only be “stand-in”"),
        ({"STRIPE": "stand-in", "EASEL_STRIPE_SECRET_KEY": "sk_test_x"}, "contradict each other"),
    ],
)
def test_what_stripe_may_be_is_checked(
    environment: dict[str, str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_VAR_DIR", str(tmp_path))
    with pytest.raises(RefusedError, match=message):
        up.read_options(environment)


def test_the_stand_in_of_stripe_runs_as_a_part_and_no_worker_knows_its_key(
    options: up.Options, tmp_path: Path
) -> None:
    state = ServerState()
    stripe.choose_port(state)
    environment = {**options.environment, **stripe.settings_of(state)}
    part = stripe.part(state, environment, web_port=8123)
    output = tmp_path / "stripe.log"
    with output.open("wb") as log:
        process = spawn(part, output=log)
        try:
            wait_until_ready(part, process)
            with urllib.request.urlopen(stripe.url_of(state), timeout=5) as answer:  # noqa: S310
                page = answer.read().decode()
        finally:
            stop(part, process)

    assert "Stripe" in page
    assert (Path(environment["EASEL_VAR_DIR"]) / "stripe_stand_in.json").exists()
    _scheduler, worker, web = up.product_parts(replace(options, environment=environment))
    assert web.environment["EASEL_STRIPE_SECRET_KEY"] == state.stripe_key
    assert not [name for name in worker.environment if "STRIPE" in name]
