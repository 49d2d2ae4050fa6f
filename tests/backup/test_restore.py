"""A dump becomes the same database: tables, policies, constraints, functions, grants."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from config.backup import dump
from config.backup.manifest import BackupError
from config.backup.snapshot import snapshot
from config.backup.verification import changed_guards, unusable_sequences
from tests.database import login_url, session_database_url
from tests.plugins.servers import superuser_connection

NAME = "restored"


@pytest.fixture
def empty() -> Iterator[str]:
    """The URL of the owner of a database without tables."""
    with superuser_connection("postgres") as server:
        server.execute(f"CREATE DATABASE {NAME} OWNER easel_owner")
        yield urlsplit(login_url("owner"))._replace(path=f"/{NAME}").geturl()
        server.execute(f"DROP DATABASE {NAME} WITH (FORCE)")


@pytest.mark.usefixtures("db")
def test_what_is_restored_is_guarded_as_before(empty: str, tmp_path: Path) -> None:
    url = login_url("backup", url=session_database_url())
    with snapshot(url) as moment:
        dump.dump(url, snapshot=moment.name, target=tmp_path / "dump")
        before, tables, owners = moment.guards(), moment.count_rows(), moment.owners()
        stands = moment.sequences()
    dump.check_empty(empty)

    dump.restore(empty, source=tmp_path / "dump", owners=owners)

    with snapshot(login_url("backup", url=empty)) as moment:
        assert moment.count_rows() == tables
        assert changed_guards(before, moment.guards()) == []
        assert moment.handed_out().keys() == stands.keys()
        assert unusable_sequences(stands, moment.sequences(), moment.handed_out()) == []
    with pytest.raises(BackupError, match="has tables"):
        dump.check_empty(empty)
    with superuser_connection(NAME) as server:
        server.execute("ALTER TABLE boards_boardmember DROP CONSTRAINT boards_member_role_known")
        server.execute(
            "ALTER TABLE boards_boardmember ADD CONSTRAINT boards_member_role_known"
            " CHECK (role IN ('editor', 'owner'))"
        )
    with snapshot(login_url("backup", url=empty)) as moment:
        missing, much = changed_guards(before, moment.guards())
    assert missing.startswith("constraints: missing: boards_boardmember | boards_member_role_known")
    assert "viewer" in missing
    assert "owner" in much
