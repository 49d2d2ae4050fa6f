"""A backup, its books and its files are of one database, or it is refused."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from config.backup.identity import check_one_database
from config.backup.manifest import BackupError
from config.backup.operations import make_backup
from config.local.addresses import LOGINS
from config.local.postgres import temporary_postgres
from tests.database import login_url, session_database_url

pytestmark = pytest.mark.usefixtures("db")


@pytest.mark.parametrize("login", LOGINS)
def test_every_login_is_known_to_reach_the_same_database(login: str) -> None:
    check_one_database(backup=login_url(login, url=session_database_url()))


def test_another_database_of_the_server_is_refused() -> None:
    ours = session_database_url()
    other = urlsplit(login_url("owner", url=ours))._replace(path="/template1").geturl()

    with pytest.raises(BackupError, match="EASEL_OWNER_DATABASE_URL leads to the database templ"):
        check_one_database(backup=login_url("backup", url=ours), owner=other)


def test_a_backup_of_another_database_is_not_begun(tmp_path: Path) -> None:
    other = urlsplit(login_url("backup"))._replace(path="/template1").geturl()

    with pytest.raises(BackupError, match="not one and the same"):
        make_backup(tmp_path / "backup", url=other, models=True, say=print)

    assert not (tmp_path / "backup").exists()


@pytest.mark.slow
def test_another_server_is_refused_whatever_its_database_is_called() -> None:
    name = urlsplit(session_database_url()).path.lstrip("/")
    with temporary_postgres() as server:
        with server.superuser_connection() as session:
            session.execute(f'CREATE DATABASE "{name}"')
        with pytest.raises(BackupError, match="not one and the same"):
            check_one_database(backup=server.url(database=name, role=LOGINS["backup"]))
