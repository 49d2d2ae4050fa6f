"""An embedded PostgreSQL server: the wheel's programs, driven by ourselves.

The wheel's own start-up code is never run: as root it opens every parent folder of the data to
the world. Here the server listens on a Unix socket only, in a folder closed to other users. The
superuser signs in by being the system user who started it (`peer`), everybody else by password.
"""

import os
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg

from config.local import placement
from config.local.account import give_to, own_name, run_as, server_account
from config.local.addresses import (
    DATABASE,
    LOGINS,
    OWNER_ROLE,
    POSTGRES_PORT,
    SUPERUSER,
    socket_url,
)
from config.local.binaries import postgres_programs
from config.local.install import RefusedError
from config.local.parts import Part
from config.local.roles import create_roles_and_database
from config.local.server import EmbeddedServer

MAJOR = "18"
# Nothing of the caller's: a PGDATA or LC_ALL of his would change the server.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
_SETTINGS = {
    "listen_addresses": "",
    "port": str(POSTGRES_PORT),
    "timezone": "UTC",
    "log_timezone": "UTC",
    "shared_preload_libraries": "pg_stat_statements",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    # A laptop's disk, not a server's: keep at most this much of the log of changes.
    "max_wal_size": "256MB",
}
# What is lost is only what a crash of the machine takes; a killed server comes back whole.
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


class PostgresServer(EmbeddedServer):
    """One database server under `home`, started in the foreground as a child of this process.

    `home` holds `data/`, `run/` (the socket, unless that path is too long) and the two files of
    sign-in rules. `passwords` are by role, for `create_roles`. A server that is not `durable`
    may lose everything in a crash of the machine, and is quick: for tests. `rules` are further
    lines of pg_hba.conf.
    """

    def __init__(
        self,
        home: Path,
        *,
        passwords: Mapping[str, str],
        durable: bool = True,
        settings: Mapping[str, str] | None = None,
        rules: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.home = home
        self.passwords = passwords
        self.durable = durable
        self.rules = rules
        self.settings = {**_SETTINGS, **({} if durable else _NOT_DURABLE), **(settings or {})}
        self.account = server_account()
        self.data_dir = home / "data"
        placement.make_home(home, self.account)
        self.socket_dir = placement.socket_dir(home, self.account)

    def url(self, *, database: str = DATABASE, role: str = OWNER_ROLE) -> str:
        """Return the URL for `role`, whose password must be known to this object."""
        return socket_url(
            socket_dir=str(self.socket_dir),
            role=role,
            password=self.passwords[role],
            database=database,
        )

    def superuser_connection(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """Connect as the superuser, in autocommit mode. Close it after use."""
        return psycopg.connect(
            host=str(self.socket_dir),
            port=POSTGRES_PORT,
            user=SUPERUSER,
            dbname=database,
            connect_timeout=2,
            autocommit=True,
        )

    def part(self) -> Part:
        """Describe the server's process for a supervisor."""
        settings = {
            **self.settings,
            "unix_socket_directories": str(self.socket_dir),
            "unix_socket_permissions": "0700",
            "hba_file": str(self.home / "pg_hba.conf"),
            "ident_file": str(self.home / "pg_ident.conf"),
        }
        words = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        program = postgres_programs(self.account) / "postgres"
        return Part(
            name="postgres",
            argv=(str(program), "-D", str(self.data_dir), *words),
            environment=_ENVIRONMENT,
            account=self.account,
            prepare=self.prepare,
            is_ready=self.is_ready,
            # SIGINT is PostgreSQL's fast stop: it ends the sessions and writes everything down.
            stop_signal=signal.SIGINT,
            orphan_signal=signal.SIGINT,
            stop_seconds=60,
            may_be_hurried=False,
        )

    def prepare(self) -> None:
        """Make the database cluster if there is none, and clear away what a crash left.

        Raises:
            RefusedError: the data was made by another major version, or cannot be made at all.
        """
        self._end_leftovers()
        if not (self.data_dir / "PG_VERSION").exists():
            self._initialise()
        version = (self.data_dir / "PG_VERSION").read_text().strip()
        if version != MAJOR:
            raise RefusedError(
                f"The database in {self.data_dir} was made by PostgreSQL {version}, and this is "
                f"PostgreSQL {MAJOR}. Check out the version of Easel that made it and dump it "
                f"(pg_dump), or move {self.data_dir} away to begin with an empty one."
            )
        self._write_sign_in_rules()

    def create_roles(self) -> None:
        """Create what is missing of roles, database and extensions, and set the passwords."""
        create_roles_and_database(self.superuser_connection, self.passwords)

    def is_ready(self) -> bool:
        """Tell whether the server answers a query."""
        try:
            with self.superuser_connection() as connection:
                connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def _initialise(self) -> None:
        """Make the cluster under another name first, so that a half-made one is never used."""
        draft = self.home / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        give_to(self.account, draft)
        result = run_as(
            self.account,
            [
                postgres_programs(self.account) / "initdb",
                f"--pgdata={draft}",
                f"--username={SUPERUSER}",
                # The rules that count are in `_write_sign_in_rules`.
                "--auth=peer",
                "--encoding=UTF8",
                # The C locale for what the C library does and PostgreSQL's own C.UTF-8 for the
                # rest: the same order on each machine, whatever locales it has.
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--no-instructions",
                *([] if self.durable else ["--no-sync"]),
            ],
            environment=_ENVIRONMENT,
        )
        if result.returncode != 0:
            shutil.rmtree(draft, ignore_errors=True)
            lines = "\n".join((result.stdout + result.stderr).splitlines()[-6:])
            raise RefusedError(
                f"PostgreSQL could not make its data folder {self.data_dir}:\n{lines}"
            )
        try:
            draft.replace(self.data_dir)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            raise RefusedError(
                f"{self.data_dir} holds files, yet no complete database (PG_VERSION is missing). "
                "Restore it from a backup, or move it away to begin with an empty one."
            ) from error

    def _write_sign_in_rules(self) -> None:
        """Write pg_hba.conf and pg_ident.conf beside the data, where only we can write."""
        system_user = own_name().replace('"', '""')
        lines = (f"local all {SUPERUSER} peer map=easel", "local all all scram-sha-256")
        rules = {
            "pg_hba.conf": "\n".join((*lines, *self.rules)) + "\n",
            "pg_ident.conf": f'easel "{system_user}" {SUPERUSER}\n',
        }
        for name, text in rules.items():
            path = self.home / name
            path.write_text(text, encoding="utf-8")
            # Under a umask of 077 the server's user could not read what root wrote.
            path.chmod(0o644)

    def _end_leftovers(self) -> None:
        """End a server that an earlier, killed run left on our data, and drop a false lock.

        PostgreSQL takes the process id in postmaster.pid for a server whenever some process has
        it, and after a reboot another one may. What tells a server of this data for certain is
        that it works in the data folder.
        """
        lock = self.data_dir / "postmaster.pid"
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            leftovers = self._processes_in_data_dir()
            for process in leftovers:
                try:
                    process.send_signal(number)
                except psutil.NoSuchProcess:
                    continue
            if not leftovers or not psutil.wait_procs(leftovers, timeout=20)[1]:
                break
        try:
            pid = int(lock.read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return
        if psutil.pid_exists(pid):
            lock.unlink(missing_ok=True)
            (self.socket_dir / f".s.PGSQL.{POSTGRES_PORT}.lock").unlink(missing_ok=True)

    def _processes_in_data_dir(self) -> list[psutil.Process]:
        if not self.data_dir.exists():
            return []
        folder = os.path.realpath(self.data_dir)
        found = []
        for process in psutil.process_iter():
            try:
                if process.name() == "postgres" and process.cwd() == folder:
                    found.append(process)
            except psutil.Error:
                # Gone meanwhile, or another user's: then it is not a server of ours.
                continue
        return found


@contextmanager
def temporary_postgres() -> Iterator[PostgresServer]:
    """Run an empty, quick, not durable server for a test session, and leave nothing behind."""
    home = placement.temporary_home(server_account())
    passwords = dict.fromkeys(LOGINS.values(), "for-tests-only")
    server = PostgresServer(home, passwords=passwords, durable=False)
    try:
        server.start()
        server.create_roles()
        yield server
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)
        if server.socket_dir.parent != home:
            shutil.rmtree(server.socket_dir, ignore_errors=True)
