"""Scopes: what a transaction sees, and that nothing of it outlives the transaction."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.db import ProgrammingError, connection, transaction
from django.test import Client

from apps.accounts.models import User
from apps.core.tenancy import (
    Scope,
    current_scope,
    enter_tenant,
    service_scope,
    tenant_scope,
)
from apps.images.models import Image
from tests.factories import make_image

pytestmark = pytest.mark.django_db(transaction=True)


def in_new_thread(function: Callable[[], Any]) -> Any:
    """Run `function` where no test has a role of its own, on a connection of its own."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(function())
        except Exception as error:  # noqa: BLE001  (handed to the test)
            outcome.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return outcome[0]


def owners() -> set[Any]:
    return set(Image.objects.values_list("user_id", flat=True))


def test_without_a_scope_nothing_is_seen(user: User) -> None:
    make_image(user)

    assert in_new_thread(owners) == set()


def test_a_tenant_sees_its_own_rows_alone(user: User, stranger: User) -> None:
    make_image(user)
    make_image(stranger)

    def look() -> set[Any]:
        with tenant_scope(user.id):
            return owners()

    assert in_new_thread(look) == {user.id}


def test_a_service_scope_sees_all_and_a_tenant_within_it_its_own(
    user: User, stranger: User
) -> None:
    make_image(user)
    make_image(stranger)

    def look() -> list[set[Any]]:
        with service_scope("test"):
            before = owners()
            with tenant_scope(stranger.id):
                within = owners()
            after = owners()
        return [before, within, after, owners()]

    everybody = {user.id, stranger.id}
    assert in_new_thread(look) == [everybody, {stranger.id}, everybody, set()]


def test_the_scope_around_comes_back_after_an_error(user: User, stranger: User) -> None:
    make_image(user)

    def look() -> set[Any]:
        with tenant_scope(user.id):
            with pytest.raises(ZeroDivisionError), tenant_scope(stranger.id):
                _ = 1 / 0
            return owners()

    assert in_new_thread(look) == {user.id}


def test_nothing_is_left_on_the_connection(user: User) -> None:
    make_image(user)

    def look() -> Any:
        with tenant_scope(user.id):
            pass
        first = current_scope()
        with pytest.raises(ZeroDivisionError), service_scope("test"):
            _ = 1 / 0
        return [first, current_scope(), owners()]

    nobody = Scope(tenant="", role="none")
    assert in_new_thread(look) == [nobody, nobody, set()]


def test_a_tenant_cannot_be_entered_outside_of_a_transaction(user: User) -> None:
    with pytest.raises(ImproperlyConfigured):
        enter_tenant(user.id)


@pytest.mark.parametrize("value", ["", "x", "'; RESET ROLE; --"])
def test_only_an_id_is_a_tenant(value: str) -> None:
    with pytest.raises(ValueError, match="badly formed"), transaction.atomic():
        enter_tenant(value)


async def test_threads_of_async_code_do_not_inherit_the_tenant(user: User) -> None:
    await database_sync_to_async(in_new_thread)(lambda: None)

    def enter() -> set[Any]:
        with service_scope("test"):
            make_image(user)
        with tenant_scope(user.id):
            return owners()

    assert await database_sync_to_async(enter)() == {user.id}
    assert await database_sync_to_async(owners)() == set()


def test_two_requests_on_one_connection_do_not_share_a_tenant(user: User, stranger: User) -> None:
    mine, theirs = make_image(user), make_image(stranger)
    clients = []
    for person in (user, stranger):
        client = Client()
        client.force_login(person)
        clients.append(client)

    def ask() -> list[int]:
        own, other = clients
        url = "/api/v1/images/{}"
        return [
            client.get(url.format(image.image_name)).status_code
            for client, image in (
                (own, mine),
                (other, mine),
                (Client(), mine),
                (other, theirs),
                (own, theirs),
            )
        ]

    assert in_new_thread(ask) == [200, 404, 401, 200, 404]


def test_a_request_that_fails_writes_nothing(
    user: User, browser_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = make_image(user)
    browser_client.raise_request_exception = False

    def rename_and_fail(*, user_id: Any, image_name: Any) -> Image:
        Image.objects.filter(user=user_id).update(starred=True)
        raise ZeroDivisionError

    monkeypatch.setattr("apps.dashboard.views.get_image", rename_and_fail)
    response = browser_client.get(f"/gallery/{image.image_name}/tile/")

    image.refresh_from_db()
    assert (response.status_code, image.starred) == (500, False)


def test_the_admin_sees_everybody_and_is_for_staff_alone(user: User, stranger: User) -> None:
    staff = User.objects.create_superuser("staff@example.com", "x")
    seen = {}
    for person in (staff, stranger):
        client = Client()
        client.force_login(person)
        seen[person.email] = in_new_thread(partial(client.get, "/admin/accounts/user/"))

    assert seen[staff.email].status_code == 200
    assert user.email in seen[staff.email].content.decode()
    assert seen[stranger.email].status_code == 302


def test_a_login_may_not_make_itself_staff(user: User) -> None:
    def rise() -> None:
        with tenant_scope(user.id):
            User.objects.filter(id=user.id).update(is_staff=True)

    error = in_new_thread(rise)

    assert isinstance(error, ProgrammingError)
    user.refresh_from_db()
    assert not user.is_staff
