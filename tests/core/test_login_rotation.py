"""A second login takes the place of one whose password changes, and may do no more and no less."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from apps.accounts.models import User
from config.local.addresses import LOGINS
from tests.database import session_database_url
from tests.factories import make_image
from tests.plugins.servers import superuser_connection

PASSWORD = "password-of-the-second"
SET_TENANT = "SELECT set_config('app.current_user_id', %s, true)"


@pytest.fixture(params=["web", "ops", "worker"])
def twin(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[str]:
    """The URL of a second login, made as the page on key rotation has it."""
    first, name = LOGINS[request.param], f"{LOGINS[request.param]}_b"
    url = urlsplit(session_database_url())
    role = sql.Identifier(name)
    with superuser_connection(url.path.lstrip("/")) as server:
        server.execute(
            sql.SQL("CREATE ROLE {} LOGIN IN ROLE {}").format(role, sql.Identifier(first))
        )
        server.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(PASSWORD)))
    _secret, _at, host = url.netloc.partition("@")
    try:
        yield url._replace(netloc=f"{name}:{PASSWORD}@{host}").geturl()
    finally:
        with superuser_connection(url.path.lstrip("/")) as server:
            server.execute(sql.SQL("DROP ROLE {}").format(role))


def test_it_sees_its_tenant_and_nobody_else(twin: str, user: User, stranger: User) -> None:
    mine = make_image(user).id
    make_image(stranger)

    with psycopg.connect(twin) as raw:
        assert raw.execute("SELECT count(*) FROM images_image").fetchone() == (0,)
        raw.execute(SET_TENANT, [str(user.id)])
        assert raw.execute("SELECT id FROM images_image").fetchall() == [(mine,)]


def test_only_that_of_operations_may_take_the_service_role(twin: str, user: User) -> None:
    make_image(user)
    with psycopg.connect(twin) as raw:
        if "easel_ops_b" in twin:
            raw.execute("SET LOCAL ROLE easel_service")
            assert raw.execute("SELECT count(*) FROM images_image").fetchone() == (1,)
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                raw.execute("SET LOCAL ROLE easel_service")
