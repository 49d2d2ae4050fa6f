"""`make up`: start everything on this machine, keep it running, end it in order.

Run inside the virtual environment as `python -m config.local.up`, after `install.py`.
"""

import asyncio
import http.client
import os
import shutil
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from config.local import stripe
from config.local.account import server_account
from config.local.addresses import LOGINS
from config.local.install import (
    ALREADY_UP,
    MIB,
    ROOT,
    START_MIB,
    RefusedError,
    check_space,
    die_with_parent,
    make_var_dir,
    only_one,
    paragraph,
    say,
    terminal_is_gone,
)
from config.local.parts import Part, PartFailedError
from config.local.placement import server_home
from config.local.postgres import PostgresServer
from config.local.state import ServerState
from config.local.supervisor import Supervisor
from config.local.valkey import ValkeyServer, free_port, port_is_free

HOST = "127.0.0.1"
QUEUES = "easel-gpu-basic.fifo,easel-gpu-highperf.fifo,easel-gpu-dedicated.fifo"


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller's environment decides."""

    var_dir: Path
    port: int
    own_database: bool
    own_redis: bool
    stripe_stand_in: bool
    environment: Mapping[str, str]


def read_options(environment: Mapping[str, str]) -> Options:
    """Read the settings `make up` itself needs and make the environment of its parts.

    Raises:
        RefusedError: EASEL_PORT is no port, or STRIPE is not known.
    """
    var_dir = make_var_dir()
    port = environment.get("EASEL_PORT") or "8000"
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise RefusedError(f"EASEL_PORT is “{port}”; it must be a number from 1 to 65535.")
    # Somebody's PYTHONPATH or settings module of another project must not lead the parts astray.
    kept = {k: v for k, v in environment.items() if k not in {"PYTHONPATH", "PYTHONHOME"}}
    return Options(
        var_dir=var_dir,
        port=int(port),
        own_database=not environment.get("EASEL_DATABASE_URL"),
        own_redis=not environment.get("EASEL_REDIS_URL"),
        stripe_stand_in=stripe.wants_stand_in(environment),
        environment={
            "EASEL_LOG_FORMAT": "console",
            **kept,
            "EASEL_VAR_DIR": str(var_dir),
            "EASEL_PORT": str(int(port)),
            "DJANGO_SETTINGS_MODULE": "config.settings.local",
            "PYTHONUNBUFFERED": "1",
        },
    )


def check_port(port: int) -> None:
    """Raise RefusedError, naming who listens there where that can be seen, if a port is taken."""
    if port_is_free(port):
        return
    if port < 1024 and os.geteuid() != 0:
        raise RefusedError(
            f"Only root may serve on port {port}. Choose one above 1023 in EASEL_PORT."
        )
    raise RefusedError(
        f"Port {port} is in use{_holder_of(port)}. Stop what uses it, or choose another port: "
        f"EASEL_PORT={port + 1 if port < 65535 else 8000} make up"
    )


def _holder_of(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status != psutil.CONN_LISTEN or not connection.laddr:
                continue
            if connection.laddr.port == port and connection.pid:
                name = psutil.Process(connection.pid).name()
                return f" by process {connection.pid} ({name})"
    except (psutil.Error, OSError):
        # Another user's processes are not for us to see.
        return ""
    return ""


def prepare_servers(options: Options) -> tuple[PostgresServer, ValkeyServer, ServerState]:
    """Choose places, port and passwords of the servers, and write them down before any start."""
    state = ServerState.load(options.var_dir) or ServerState()
    home = server_home(options.var_dir, server_account())
    former = Path(state.postgres_home or home)
    if former != home and former.is_dir():
        say(f"This is a copied checkout: its database is now {home}, and no longer {former}.")
    if home.parent != options.var_dir and not home.exists():
        say(f"The database is kept in {home}, since its server may not enter {options.var_dir}.")
    for role in LOGINS.values():
        state.password_of(role)
    postgres = PostgresServer(home, passwords=state.passwords)
    if not state.valkey_port or not port_is_free(state.valkey_port):
        state.valkey_port = free_port()
    valkey = ValkeyServer(
        options.var_dir / "valkey", port=state.valkey_port, password=state.valkey_password
    )
    if options.stripe_stand_in:
        stripe.choose_port(state)
    state.socket_dir = str(postgres.socket_dir)
    state.postgres_home = str(home)
    state.save(options.var_dir)
    return postgres, valkey, state


def python_part(name: str, options: Options, *words: str, echo: bool = True) -> Part:
    """Describe a process of the product's own code."""
    return Part(
        name=name,
        argv=(sys.executable, *words),
        environment=options.environment,
        cwd=ROOT,
        echo=echo,
    )


def product_parts(options: Options) -> tuple[Part, Part, Part]:
    """Return scheduler, worker and web: the order of starting, and backwards of stopping."""
    scheduler = python_part("scheduler", options, "manage.py", "run_scheduler")
    # A worker opens hostile files; it has nothing to do with payments.
    without_payments = {
        name: value
        for name, value in options.environment.items()
        if not name.startswith("EASEL_STRIPE_")
    }
    worker = Part(
        name="worker",
        argv=(
            # Celery's warning to root is about messages that hold code; ours hold ids.
            *(sys.executable, "-W", "ignore:You're running the worker with superuser"),
            *("-m", "celery", "--quiet", "-A", "config", "worker"),
            # One worker serves all tiers here.
            *("-Q", QUEUES, "--pool", "solo", "--loglevel", "WARNING"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        ),
        environment={**without_payments, "EASEL_DATABASE_LOGIN": "worker"},
        cwd=ROOT,
        echo=True,
        # SIGTERM is Celery's warm stop: it ends the picture it is at.
        stop_seconds=60,
    )
    web = Part(
        name="web",
        argv=(
            *(sys.executable, "-m", "uvicorn", "config.asgi:application"),
            *("--host", HOST, "--port", str(options.port)),
            *("--no-access-log", "--log-level", "warning"),
            # It would believe whatever a client on this machine says about its address.
            "--no-proxy-headers",
            # Most of what sockets send is previews, which are compressed: trying it again for
            # each socket costs more than everything else on an event's way.
            "--ws-per-message-deflate=false",
            # Open sockets of browsers would hold a stop up for ever.
            *("--timeout-graceful-shutdown", "5"),
        ),
        environment=options.environment,
        cwd=ROOT,
        echo=True,
        is_ready=lambda: answers(options.port, "/readyz"),
        ready_seconds=120,
    )
    return scheduler, worker, web


def answers(port: int, path: str) -> bool:
    """Tell whether the web process answers `path` with 200."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


async def bring_up(options: Options, supervisor: Supervisor) -> None:
    """Start all parts in order and print where to go. Parts that run stay with `supervisor`."""
    postgres, valkey, state = prepare_servers(options)
    if options.stripe_stand_in:
        settings = stripe.settings_of(state)
        options = replace(options, environment={**options.environment, **settings})
        await supervisor.start(stripe.part(state, options.environment, web_port=options.port))
    if options.own_redis:
        await supervisor.start(valkey.part())
    if options.own_database:
        say("Starting the database …")
        await supervisor.start(postgres.part())
        await asyncio.to_thread(postgres.create_roles)
    say("Bringing the database's tables up to date …")
    await supervisor.run_step(
        python_part("migrate", options, "manage.py", "migrate", "--no-input", echo=False)
    )
    sign_in = await supervisor.run_step(
        python_part("bootstrap", options, "manage.py", "bootstrap_local", echo=False)
    )
    if options.stripe_stand_in:
        await supervisor.run_step(
            python_part("prices", options, "manage.py", "sync_stripe_prices", echo=False)
        )
    say("Starting the web server, the worker and the scheduler …")
    for part in product_parts(options):
        await supervisor.start(part)
    say("\n".join(["", f"Easel is ready: http://{HOST}:{options.port}", *sign_in]))
    if options.stripe_stand_in:
        say(f"A stand-in of Stripe takes all payments: {stripe.url_of(state)}")
    say("Ctrl-C stops it. Logs: " + str(options.var_dir / "log") + "\n")


async def watch_terminal(gone: Callable[[], None]) -> None:
    """Call `gone` when the terminal we were started in is closed."""
    while not terminal_is_gone():
        await asyncio.sleep(1)
    gone()


async def serve(
    supervisor: Supervisor, bring_up: Callable[[], Coroutine[None, None, None]]
) -> None:
    """Start parts by `bring_up` and keep them until a signal asks for the end; then stop all.

    Raises:
        PartFailedError, RefusedError: `bring_up` did; what it had started is stopped.
    """
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask() -> None:
        if not asked.is_set():
            say("\nStopping …")
            asked.set()
            # Only a second Ctrl-C, by hand, is impatience: the end of a terminal sends several
            # signals at once.
            loop.call_later(1, loop.add_signal_handler, signal.SIGINT, supervisor.hurry)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ask)
    bringing_up = asyncio.create_task(bring_up())
    waiting = asyncio.create_task(asked.wait())
    watching = asyncio.create_task(watch_terminal(ask))
    try:
        await asyncio.wait({bringing_up, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not asked.is_set():
            bringing_up.result()
            await waiting
    finally:
        tasks = (bringing_up, waiting, watching)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await supervisor.stop()
    say("Everything is stopped.")


def disk_is_full(folder: Path) -> str:
    """Return a sentence if the disk of `folder` is as good as full, else nothing."""
    free = shutil.disk_usage(folder).free // MIB
    return f"The disk is full: {free} MiB are free; make room there." if free < 50 else ""


def run(options: Options) -> None:
    """Check what can be checked beforehand, then serve until asked to stop."""
    logs = options.var_dir / "log"
    check_space(options.var_dir, START_MIB, "running")
    check_port(options.port)
    supervisor = Supervisor(logs, diagnose=lambda: disk_is_full(options.var_dir))
    try:
        asyncio.run(serve(supervisor, lambda: bring_up(options, supervisor)))
    except PartFailedError as error:
        raise RefusedError(
            f"Easel could not be started, since {error}\nThe whole output is in {logs}. "
            f"{disk_is_full(options.var_dir)}"
        ) from error


def main() -> int:
    """Run unless refused; print a refusal as one paragraph."""
    if "MAKELEVEL" in os.environ:
        # A make that is killed outright cannot tell us to stop.
        die_with_parent(signal.SIGTERM, os.getppid())
    try:
        options = read_options(os.environ)
        with only_one("up.lock", ALREADY_UP):
            run(options)
    except RefusedError as refusal:
        print(paragraph(str(refusal)), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
