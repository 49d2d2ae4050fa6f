"""What one run consists of: its folder, ports and secrets, and the servers made of them."""

import json
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from config.local.account import server_account
from config.local.addresses import DATABASE, LOGINS
from config.local.install import RefusedError
from config.local.pgbouncer import Certificate, PgBouncer, Target
from config.local.placement import server_home
from config.local.postgres import PostgresServer
from config.local.production_like.certificates import make_certificate
from config.local.standby import REPLICATION_RULE
from config.local.valkey import free_port

FOLDER = "prod-like"
STATE_FILE = "state.json"
READER_DATABASE = f"{DATABASE}_reader"
WEB_PROCESSES = ("web-1", "web-2")
DEFAULT_PORT = 8443
# So many of our processes, with a few connections each, share these.
POOL_SIZE = 12


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports by who listens."""

    edge: int
    admin_edge: int
    pgbouncer: int
    redis: int
    aws: int
    provider: int
    control: int
    admin: int
    web: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Secrets:
    """Passwords and keys of one run."""

    django: str = field(default_factory=lambda: secrets.token_urlsafe(50))
    redis: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    replicator: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    oidc_client: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    control: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    database: Mapping[str, str] = field(
        default_factory=lambda: {role: secrets.token_urlsafe(24) for role in LOGINS.values()}
    )


@dataclass(frozen=True, slots=True)
class Machine:
    """One run under `folder`; nothing of an earlier one is left in it."""

    folder: Path
    ports: Ports
    secrets: Secrets
    certificate: Certificate
    primary: PostgresServer
    standby: PostgresServer
    pooler: PgBouncer

    @classmethod
    def make(cls, var_dir: Path, *, port: int) -> Self:
        """Make an empty one whose pages are served on `port`.

        Empty each time, since the stand-in of S3 keeps its objects in memory: a database that
        outlived them would name pictures that are gone.
        """
        folder = var_dir / FOLDER
        account = server_account()
        homes = [server_home(folder_of, account) for folder_of in _database_folders(folder)]
        for old in (*homes, folder):
            shutil.rmtree(old, ignore_errors=True)
        for folder_of in _database_folders(folder):
            folder_of.mkdir(parents=True)
        homes = [server_home(folder_of, account) for folder_of in _database_folders(folder)]
        (folder / "log").mkdir()
        words = Secrets()
        certificate = make_certificate(folder / "tls")
        primary = PostgresServer(homes[0], passwords=words.database, rules=[REPLICATION_RULE])
        standby = PostgresServer(homes[1], passwords=words.database)
        ports = _choose_ports(port)
        pooler = PgBouncer(
            primary.home.parent / "pgbouncer",
            port=ports.pgbouncer,
            targets={
                DATABASE: Target(primary.socket_dir, DATABASE),
                READER_DATABASE: Target(standby.socket_dir, DATABASE),
            },
            passwords=words.database,
            pool_size=POOL_SIZE,
            certificate=certificate,
        )
        return cls(folder, ports, words, certificate, primary, standby, pooler)

    @property
    def url(self) -> str:
        """Return where the pages are."""
        return f"https://127.0.0.1:{self.ports.edge}"

    @property
    def admin_url(self) -> str:
        """Return where the staff's pages are."""
        return f"https://127.0.0.1:{self.ports.admin_edge}"

    @property
    def issuer(self) -> str:
        """Return the address of the provider that signs people in."""
        return f"https://127.0.0.1:{self.ports.provider}"

    @property
    def aws_url(self) -> str:
        """Return the address of the stand-in of SQS and S3."""
        return f"https://127.0.0.1:{self.ports.aws}"

    def remove_databases(self) -> None:
        """Remove what lies outside of `folder`, once everything has ended."""
        for server in (self.primary, self.standby):
            shutil.rmtree(server.home, ignore_errors=True)
            if server.socket_dir.parent != server.home:
                shutil.rmtree(server.socket_dir, ignore_errors=True)
        shutil.rmtree(self.pooler.home, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class State:
    """What other commands must know of a run; it holds secrets."""

    url: str
    admin_url: str
    authority: str
    log_dir: str
    control_port: int
    control_token: str
    environment: dict[str, str]

    def save(self, folder: Path) -> None:
        """Write it under `folder`, for the owner alone."""
        path = folder / STATE_FILE
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, var_dir: Path) -> Self:
        """Read that of the run under `var_dir`.

        Raises:
            RefusedError: nothing runs there.
        """
        try:
            text = (var_dir / FOLDER / STATE_FILE).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise RefusedError("Nothing runs here. Start it: make prod-like") from None
        return cls(**json.loads(text))


def _database_folders(folder: Path) -> Sequence[Path]:
    return (folder / "primary", folder / "standby")


def _choose_ports(edge: int) -> Ports:
    # All at once: a port that was just given up may be given out again.
    found: set[int] = {edge}
    while len(found) < 8 + len(WEB_PROCESSES):
        found.add(free_port())
    rest = iter(sorted(found - {edge}))
    return Ports(
        edge=edge,
        admin_edge=next(rest),
        pgbouncer=next(rest),
        redis=next(rest),
        aws=next(rest),
        provider=next(rest),
        control=next(rest),
        admin=next(rest),
        web={name: next(rest) for name in WEB_PROCESSES},
    )


def private_file(path: Path, text: str) -> None:
    """Write a file that only its owner may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
