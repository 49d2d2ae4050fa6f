"""A PgBouncer in transaction mode before the database of the tests."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from config.local.account import server_account
from config.local.addresses import LOGINS
from config.local.pgbouncer import PgBouncer, Target
from config.local.placement import temporary_home
from tests.database import session_database_url
from tests.stack import free_port

# As few as can be, so that every connection serves everybody.
SERVER_CONNECTIONS = 2


@contextmanager
def pgbouncer() -> Iterator[str]:
    """Run one; yield the URL of the tests' database through it."""
    direct = urlsplit(session_database_url())
    database = direct.path.lstrip("/")
    password = direct.netloc.partition("@")[0].partition(":")[2]
    port = free_port()
    home = temporary_home(server_account())
    pooler = PgBouncer(
        home,
        port=port,
        targets={database: Target(Path(parse_qs(direct.query)["host"][0]), database)},
        passwords=dict.fromkeys(LOGINS.values(), password),
        pool_size=SERVER_CONNECTIONS,
    )
    url = direct._replace(netloc=f"{direct.username}:{password}@127.0.0.1:{port}", query="")
    try:
        pooler.start()
        yield url.geturl()
    finally:
        pooler.stop()
        shutil.rmtree(home, ignore_errors=True)
