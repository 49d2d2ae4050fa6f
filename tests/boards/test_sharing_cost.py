"""Lists of one's own pictures cost as much as if nothing could be shared."""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet

from apps.accounts.models import User
from apps.boards.models import Board
from apps.boards.selectors import list_boards
from apps.core.tenancy import tenant_scope
from apps.images.models import Image
from apps.images.search import Filters, Order, Place, find_images
from tests.factories import make_image
from tests.images.test_search_cost import FILTERS, OWN, ROWS, library, pages_looked_at
from tests.libraries import FIRST
from tests.plugins.servers import superuser_connection

__all__ = ["library"]

POLICIES = ("shared", "shared_shown")


@contextmanager
def nothing_shared() -> Iterator[None]:
    """Take the policies of sharing away, with what they are made of put back after it."""
    name = connection.settings_dict["NAME"]
    with superuser_connection(name) as server:
        definitions = server.execute(
            "SELECT format('CREATE POLICY %%I ON images_image AS %%s FOR SELECT TO %%s USING"
            " (%%s)', policyname, permissive, array_to_string(roles, ', '), qual) FROM pg_policies"
            " WHERE tablename = 'images_image' AND policyname = ANY (%s)",
            [list(POLICIES)],
        ).fetchall()
        assert len(definitions) == len(POLICIES)
        for policy in POLICIES:
            server.execute(f"DROP POLICY {policy} ON images_image")
        try:
            yield
        finally:
            for (definition,) in definitions:
                server.execute(definition)


@pytest.mark.django_db
def test_nobody_asks_what_is_shared_for_a_list_of_own_pictures(user: User) -> None:
    make_image(user)
    statements: list[tuple[str, Any]] = []

    def note(execute: Any, query: str, parameters: Any, many: bool, context: Any) -> Any:
        statements.append((query, parameters))
        return execute(query, parameters, many, context)

    with tenant_scope(user.id), connection.cursor() as cursor:
        with connection.execute_wrapper(note):
            found = find_images(user=user, filters=Filters(), order=Order.NEWEST, size=10)
        ((query, parameters),) = statements
        cursor.execute(f"EXPLAIN (ANALYZE, VERBOSE, FORMAT JSON) {query}", parameters)
        asking = [
            node
            for node in _nodes(cursor.fetchone()[0])
            if "easel_shared_boards" in str(node.get("Output"))
        ]

    assert len(found) == 1
    assert asking
    assert all(node["Actual Loops"] == 0 for node in asking)


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Walk through a plan."""
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value:
        if isinstance(each, dict | list):
            yield from _nodes(each)


def buffers_of(queryset: QuerySet[Any], user: User) -> int:
    """Count the buffers that a query of `user` reads."""
    with tenant_scope(user.id):
        text = queryset.explain(analyze=True, buffers=True, format="json")
    plan = json.loads(text)[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_own_lists_look_at_no_more_pages(
    library: tuple[User, Board], record_property: Callable[[str, object], None]
) -> None:
    user, board = library
    # As of a service with many users, where a plan that takes the policy for rare would be chosen.
    with superuser_connection(connection.settings_dict["NAME"]) as server:
        server.execute("ALTER TABLE images_image ALTER user_id SET (n_distinct = 20000)")
        server.execute("ALTER TABLE images_image ALTER board_id SET (n_distinct = 200000)")
        server.execute("ANALYZE images_image")
    with tenant_scope(user.id):
        image = Image.objects.filter(user=user).order_by("id")[OWN // 2]
        asked: dict[str, dict[str, Any]] = {"nothing": {}}
        asked |= {name: make(image, board) for name, make in FILTERS.items()}
    middle = Place(created_at=FIRST + timedelta(minutes=ROWS // 2), id=uuid.UUID(int=0), rating=0)

    def costs() -> dict[str, int]:
        return {"boards": buffers_of(list_boards(user=user), user)} | {
            f"{name}, {order}, {place}": pages_looked_at(
                user, filters=Filters(**values), order=order, after=place
            )[0]
            for name, values in asked.items()
            for order in Order
            for place in (None, middle)
        }

    shared = costs()
    with nothing_shared():
        alone = costs()

    dearer = {
        name: (alone[name], cost) for name, cost in shared.items() if cost > 1.1 * alone[name] + 10
    }
    record_property("buffers without and with", (sum(alone.values()), sum(shared.values())))
    assert dearer == {}
