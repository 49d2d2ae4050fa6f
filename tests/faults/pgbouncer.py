"""A PgBouncer in transaction mode before the database of the tests."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg

from config.local.account import give_to, server_account
from config.local.addresses import LOGINS
from config.local.placement import temporary_home
from tests.database import session_database_url
from tests.stack import free_port, wait_until

# As few as can be, so that every connection serves everybody.
SERVER_CONNECTIONS = 2


@contextmanager
def pgbouncer(program: Path) -> Iterator[str]:
    """Run one; yield the URL of the tests' database through it."""
    direct = urlsplit(session_database_url())
    database = direct.path.lstrip("/")
    password = direct.netloc.partition("@")[0].partition(":")[2]
    where = parse_qs(direct.query)
    port = free_port()
    account = server_account()
    home = temporary_home(account)
    (home / "userlist.txt").write_text(
        "".join(f'"{role}" "{password}"\n' for role in LOGINS.values()), encoding="utf-8"
    )
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
default_pool_size = {SERVER_CONNECTIONS}
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
    url = direct._replace(netloc=f"{direct.username}:{password}@127.0.0.1:{port}", query="")

    def answers() -> bool:
        try:
            psycopg.connect(url.geturl(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    try:
        wait_until(answers, seconds=20, what="the start of PgBouncer")
        yield url.geturl()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
        shutil.rmtree(home, ignore_errors=True)
