"""Staff of each kind, signed in."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from apps.accounts.models import User
from tests.factories import PASSWORD, make_user


def _sign_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root@example.com", PASSWORD)


@pytest.fixture
def root_client(root: User) -> Client:
    return _sign_in(root)


@pytest.fixture
def biller(db: None) -> User:
    """A member of the group billing."""
    return _member("billing")


@pytest.fixture
def supporter(db: None) -> User:
    return _member("support")


@pytest.fixture
def billing(biller: User) -> Client:
    return _sign_in(biller)


@pytest.fixture
def support(supporter: User) -> Client:
    return _sign_in(supporter)


@pytest.fixture
def operator(db: None) -> User:
    """A member of the group operations."""
    return _member("operations")


@pytest.fixture
def operations(operator: User) -> Client:
    return _sign_in(operator)


@pytest.fixture
def visitors(
    support: Client,
    billing: Client,
    operations: Client,
    root_client: Client,
    browser_client: Client,
) -> Callable[[str], Client]:
    """Return a function that gives the client of an ordinary user, of a group or of root."""
    clients = {
        "nobody": Client(),
        "user": browser_client,
        "support": support,
        "billing": billing,
        "operations": operations,
        "root": root_client,
    }
    return clients.__getitem__


def _member(group: str) -> User:
    user = make_user(f"{group}@example.com", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return user
