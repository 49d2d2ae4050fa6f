"""What a container of the tests talks to: PostgreSQL behind a pooler with TLS, and Valkey."""

import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
from psycopg import sql

from config.local.account import give_to, server_account
from config.local.addresses import LOGINS, OWNER_ROLE
from config.local.debian import can_install, find_program, install_packages
from config.local.install import ROOT
from config.local.placement import temporary_home
from config.local.valkey import ValkeyServer
from tests.plugins.servers import postgres_server, superuser_connection
from tests.stack import free_port, wait_until

AUTHORITY = "/run/authority.pem"


@dataclass(frozen=True, slots=True)
class Servers:
    """A database of its own, reached with TLS alone, and a Valkey."""

    pooler_port: int
    database: str
    password: str
    valkey: ValkeyServer
    certificates: Path

    def database_url(self, login: str) -> str:
        return (
            f"postgresql://{LOGINS[login]}:{self.password}@localhost:{self.pooler_port}"
            f"/{self.database}?sslmode=verify-full&sslrootcert={AUTHORITY}"
        )

    @property
    def environment(self) -> dict[str, str]:
        """What every process of the product needs; the database is chosen by its login."""
        return {
            "EASEL_SECRET_KEY": secrets.token_urlsafe(50),
            "EASEL_ALLOWED_HOSTS": "easel.example",
            "EASEL_PUBLIC_URL": "https://easel.example",
            "EASEL_REDIS_URL": self.valkey.url,
            "EASEL_REDIS_IS_PRIVATE": "true",
            "EASEL_EMAIL_HOST": "mail.easel.example",
            "EASEL_TRUSTED_PROXIES": "1",
            "EASEL_MEDIA_ROOT": "/var/lib/easel/media",
        }

    @property
    def files(self) -> dict[str, Path]:
        return {"authority.pem": self.certificates / "authority.pem"}


def write_certificates(folder: Path) -> None:
    """Make the certificates of the compose project, by its own program."""
    program = ROOT / "docker" / "stand_ins" / "certificates.py"
    subprocess.run([sys.executable, str(program), str(folder)], check=True)


@contextmanager
def servers(folder: Path, valkey: ValkeyServer) -> Iterator[Servers]:
    """Run PgBouncer with TLS before an empty database of the session's server."""
    if find_program("pgbouncer") is None and can_install():
        install_packages("pgbouncer")
    program = find_program("pgbouncer")
    if program is None:
        raise RuntimeError("PgBouncer is missing (Debian: apt-get install pgbouncer)")
    write_certificates(folder)
    database = f"containers_{secrets.token_hex(4)}"
    with superuser_connection("postgres") as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(
                sql.Identifier(database), sql.Identifier(OWNER_ROLE)
            )
        )
    try:
        with _pooler(program, database, folder) as port:
            password = postgres_server().passwords[OWNER_ROLE]
            yield Servers(port, database, password, valkey, folder)
    finally:
        with superuser_connection("postgres") as connection:
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database))
            )


@contextmanager
def _pooler(program: Path, database: str, certificates: Path) -> Iterator[int]:
    direct = urlsplit(postgres_server().url())
    where = parse_qs(direct.query)
    passwords = postgres_server().passwords
    port = free_port()
    account = server_account()
    home = temporary_home(account)
    (home / "userlist.txt").write_text(
        "".join(f'"{role}" "{password}"\n' for role, password in passwords.items()),
        encoding="utf-8",
    )
    for name in ("services.pem", "services.key"):
        shutil.copyfile(certificates / name, home / name)
        (home / name).chmod(0o600)
        give_to(account, home / name)
    (home / "pgbouncer.ini").write_text(
        f"""
[databases]
{database} = host={where["host"][0]} port={where["port"][0]} dbname={database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {home}/userlist.txt
pool_mode = transaction
client_tls_sslmode = require
client_tls_cert_file = {home}/services.pem
client_tls_key_file = {home}/services.key
ignore_startup_parameters = extra_float_digits
""",
        encoding="utf-8",
    )
    give_to(account, home)
    process = subprocess.Popen(
        [program, "-q", str(home / "pgbouncer.ini")],
        cwd="/",
        stdin=subprocess.DEVNULL,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    url = (
        f"postgresql://{OWNER_ROLE}:{passwords[OWNER_ROLE]}@localhost:{port}/{database}"
        f"?sslmode=verify-full&sslrootcert={certificates}/authority.pem"
    )

    def answers() -> bool:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    try:
        wait_until(answers, seconds=30, what="the start of PgBouncer")
        yield port
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
        shutil.rmtree(home, ignore_errors=True)
