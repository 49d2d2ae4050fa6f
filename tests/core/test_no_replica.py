"""Where no replica is set, what may read from one reads from the writer, at no cost."""

from typing import Any

import pytest
from django.db import DEFAULT_DB_ALIAS, connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.core.replica import (
    WriteInReaderScopeError,
    note_write,
    read_from_reader,
    reader_scope,
)
from apps.core.tenancy import tenant_scope
from apps.images.models import Image
from config import env
from config.settings import servers
from tests.core.test_tenancy import in_new_thread
from tests.factories import make_image

pytestmark = pytest.mark.django_db(transaction=True)


def owners() -> set[Any]:
    return set(Image.objects.values_list("user_id", flat=True))


def test_without_a_reader_a_scope_costs_no_query(user: User) -> None:
    make_image(user)
    with tenant_scope(user.id), CaptureQueriesContext(connection) as made:
        note_write(user.id)
        with reader_scope(user.id) as alias:
            assert owners() == {user.id}
        assert not connection.run_on_commit

    assert alias == DEFAULT_DB_ALIAS
    assert [query["sql"].split(" FROM ")[0] for query in made] == [
        'SELECT "images_image"."user_id" AS "user_id"'
    ]


def test_without_a_transaction_the_scope_is_one_of_the_tenant(user: User, stranger: User) -> None:
    make_image(user)
    make_image(stranger)

    def look() -> tuple[str, set[Any]]:
        with reader_scope(user.id) as alias:
            return alias, owners()

    assert in_new_thread(look) == (DEFAULT_DB_ALIAS, {user.id})
    assert in_new_thread(lambda: read_from_reader(user.id, owners)) == {user.id}


def test_writes_are_refused_where_the_writer_is_read_from_too(user: User) -> None:
    image = make_image(user)
    with reader_scope(user.id), pytest.raises(WriteInReaderScopeError, match=r"images\.Image"):
        Image.objects.update(starred=True)

    image.refresh_from_db()
    assert not image.starred


def test_settings_name_a_reader_only_where_the_environment_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    writer = "postgresql://easel_web@writer/easel"
    assert set(servers.databases(writer, pool_size=4)) == {"default"}
    monkeypatch.setattr(env, "READER_DATABASE_URL", "postgresql://easel_web@reader/easel")

    found = servers.databases(writer, pool_size=4)

    assert (found["default"]["HOST"], found["reader"]["HOST"]) == ("writer", "reader")
    assert found["default"]["OPTIONS"]["pool"] == {"min_size": 1, "max_size": 4, "timeout": 10}
    assert found["reader"]["OPTIONS"] == {
        "pool": {"min_size": 0, "max_size": 4, "timeout": 1},
        "connect_timeout": 2,
        "tcp_user_timeout": 5000,
    }
