"""An embedded Valkey server: cache, channel layer and queue of one machine.

It listens on loopback with a password, since every user of a machine can reach its loopback.
What is queued survives a stop: each write is appended to a file.
"""

import secrets
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from config.local import placement
from config.local.addresses import loopback_url
from config.local.binaries import valkey_server
from config.local.parts import Part, PartFailedError
from config.local.server import EmbeddedServer

# What a value in double quotes may not hold as it is.
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"'})


def free_port() -> int:
    """Return a loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_free(port: int) -> bool:
    """Tell whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        # Servers set it too: without it a port that was closed a moment ago seems taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class ValkeyServer(EmbeddedServer):
    """One server under `home`, started in the foreground as a child of this process.

    A server that is not `durable` writes nothing to disk: for tests that never restart it.
    """

    def __init__(self, home: Path, *, port: int, password: str, durable: bool = True) -> None:
        super().__init__()
        self.home = home
        self.port = port
        self.password = password
        self.durable = durable
        self.data_dir = home / "data"

    @property
    def url(self) -> str:
        """Return the server's `redis://` URL, password included."""
        return loopback_url(port=self.port, password=self.password)

    def part(self) -> Part:
        """Describe the server's process for a supervisor."""
        return Part(
            name="valkey",
            argv=(str(valkey_server()), str(self.home / "valkey.conf")),
            environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            prepare=self.prepare,
            is_ready=self.is_ready,
            orphan_signal=signal.SIGTERM,
            stop_seconds=30,
            may_be_hurried=False,
        )

    def prepare(self) -> None:
        """Make the folders and write the configuration, password included, as a 0600 file."""
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = str(self.data_dir).translate(_ESCAPES)
        lines = (
            "bind 127.0.0.1",
            f"port {self.port}",
            f'requirepass "{self.password.translate(_ESCAPES)}"',
            f'dir "{folder}"',
            "daemonize no",
            f"appendonly {'yes' if self.durable else 'no'}",
            'save ""',
        )
        path = self.home / "valkey.conf"
        path.touch(mode=0o600)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def is_ready(self) -> bool:
        """Tell whether the server answers, and is ours: another one has another password."""
        client = redis.Redis.from_url(self.url, socket_timeout=1, socket_connect_timeout=1)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()


@contextmanager
def temporary_valkey(*, durable: bool = False) -> Iterator[ValkeyServer]:
    """Run an empty server for a test session on a free port, and leave nothing behind."""
    home = placement.temporary_home(None)
    try:
        server = _start_on_free_port(home, durable=durable)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _start_on_free_port(home: Path, *, durable: bool, tries: int = 3) -> ValkeyServer:
    # Somebody else may take a free port between our look and the server's start.
    for remaining in reversed(range(tries)):
        server = ValkeyServer(
            home, port=free_port(), password=secrets.token_urlsafe(32), durable=durable
        )
        try:
            server.start()
        except PartFailedError:
            if not remaining:
                raise
        else:
            return server
    raise AssertionError("unreachable")
