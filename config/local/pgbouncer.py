"""A PgBouncer in transaction mode before a PostgreSQL of ours, from the distribution's package."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from config.local.account import give_to, server_account
from config.local.addresses import POSTGRES_PORT
from config.local.debian import require_program
from config.local.parts import Part
from config.local.server import EmbeddedServer
from config.local.valkey import port_is_free


@dataclass(frozen=True, slots=True)
class Certificate:
    """The files that a server shows, and the authority that clients check them by."""

    chain: Path
    key: Path
    authority: Path


@dataclass(frozen=True, slots=True)
class Target:
    """A database behind the pooler: where its server's socket is, and its name there."""

    socket_dir: Path
    database: str


class PgBouncer(EmbeddedServer):
    """One pooler under `home`, on a loopback port.

    `targets` are by the name that clients ask for, `passwords` by role. With a `certificate` it
    refuses clients without TLS. `pool_size` is how many connections to the server each pair of
    database and role may have.
    """

    def __init__(
        self,
        home: Path,
        *,
        port: int,
        targets: Mapping[str, Target],
        passwords: Mapping[str, str],
        pool_size: int,
        certificate: Certificate | None = None,
    ) -> None:
        super().__init__()
        self.home = home
        self.port = port
        self.targets = targets
        self.passwords = passwords
        self.pool_size = pool_size
        self.certificate = certificate
        self.account = server_account()

    def part(self) -> Part:
        """Describe the pooler's process for a supervisor."""
        return Part(
            name="pgbouncer",
            argv=(str(require_program("pgbouncer")), "-q", str(self.home / "pgbouncer.ini")),
            environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            account=self.account,
            prepare=self.prepare,
            is_ready=self.is_ready,
            ready_seconds=20,
            # It lets what is under way end.
            stop_signal=signal.SIGINT,
            orphan_signal=signal.SIGTERM,
            stop_seconds=20,
        )

    def prepare(self) -> None:
        """Write the configuration, passwords included, for the pooler's user alone."""
        self.home.mkdir(mode=0o700, exist_ok=True)
        self._write(
            "userlist.txt",
            "".join(f'"{role}" "{word}"\n' for role, word in self.passwords.items()),
        )
        databases = [
            f"{name} = host={target.socket_dir} port={POSTGRES_PORT} dbname={target.database}"
            for name, target in self.targets.items()
        ]
        lines = [
            *("[databases]", *databases, "[pgbouncer]"),
            *("listen_addr = 127.0.0.1", f"listen_port = {self.port}", "unix_socket_dir ="),
            *("auth_type = scram-sha-256", f"auth_file = {self.home}/userlist.txt"),
            *("pool_mode = transaction", f"default_pool_size = {self.pool_size}"),
            *("max_client_conn = 500", "server_login_retry = 1"),
            *self._tls_lines(),
        ]
        self._write("pgbouncer.ini", "\n".join(lines) + "\n")
        give_to(self.account, self.home)

    def is_ready(self) -> bool:
        """Tell whether the pooler listens; the server behind it may be away."""
        return not port_is_free(self.port)

    def _tls_lines(self) -> list[str]:
        if self.certificate is None:
            return []
        return [
            "client_tls_sslmode = require",
            f"client_tls_cert_file = {self._copied(self.certificate.chain)}",
            f"client_tls_key_file = {self._copied(self.certificate.key)}",
        ]

    def _copied(self, file: Path) -> Path:
        # The pooler's user may read neither the original nor its folder.
        self._write(file.name, file.read_text(encoding="ascii"))
        return self.home / file.name

    def _write(self, name: str, text: str) -> None:
        path = self.home / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        give_to(self.account, path)
