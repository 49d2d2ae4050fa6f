"""The moment that a backup is of lasts as long as the dump needs."""

import time
from threading import Timer

import psycopg
import pytest

from config.backup.snapshot import snapshot
from tests.database import login_url, session_database_url


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize("limit", ["idle_in_transaction_session_timeout", "transaction_timeout"])
def test_a_server_that_ends_idle_transactions_does_not_end_it(limit: str) -> None:
    url = login_url("backup", url=session_database_url())
    with snapshot(f"{url}&options=-c%20{limit}%3D500") as moment:
        time.sleep(1.2)
        assert "images_image" in moment.count_rows()


@pytest.mark.usefixtures("db")
def test_a_server_that_ends_long_statements_does_not_end_it() -> None:
    ours = session_database_url()
    url = f"{login_url('backup', url=ours)}&options=-c%20statement_timeout%3D300"
    with psycopg.connect(login_url("owner", url=ours)) as other, snapshot(url) as moment:
        other.execute("LOCK TABLE images_image IN ACCESS EXCLUSIVE MODE")
        leaving = Timer(1.2, other.rollback)
        leaving.start()
        assert "images_image" in moment.count_rows()
        leaving.join()
