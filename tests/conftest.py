"""Fixtures for every test: users, the starter model, clients, files of their own."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.utils import translation
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.catalog.services import install_starter_model
from apps.core.database import owner_login
from apps.core.throttles import refused_addresses
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from config import env
from tests.database import empty_tables_quickly, login_url, see_everything
from tests.factories import make_user
from tests.migrated import dump_in, keep, restore
from tests.queues import empty_queues

see_everything()

# Seven minutes, for which one process would wait at the end.
LONGEST = "test_fuzz.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=lambda item: item.path.name != LONGEST)


@pytest.fixture(scope="session")
def migrated(pytestconfig: pytest.Config) -> Path:
    """Return where the tests' database is kept between runs."""
    return dump_in(pytestconfig.cache.mkdir("migrated"))


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Take the database that was restored; its server goes with the session."""
    return True


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings: None, migrated: Path
) -> Iterator[None]:
    """Let the owner of the tables make the test database."""
    restore(migrated)
    with owner_login():
        yield


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, migrated: Path
) -> Iterator[None]:
    """Sign in as the product does once the tables are there."""
    keep(migrated)
    owner = dict(connection.settings_dict)
    login = env.parse_database_url(login_url("ops"))
    _sign_in(login | {"NAME": owner["NAME"]})
    with django_db_blocker.unblock():
        empty_tables_quickly()
    yield
    _sign_in(owner)


def _sign_in(settings: Mapping[str, Any]) -> None:
    connection.close()
    connection.settings_dict.update({key: settings[key] for key in ("USER", "PASSWORD")})


@pytest.fixture(autouse=True)
def clean_cache() -> Iterator[None]:
    """Forget between tests what is kept beside the database, waiting wake-ups included."""
    yield
    refused_addresses.clear()
    cache.clear()
    empty_queues()


@pytest.fixture(autouse=True)
def own_language() -> Iterator[None]:
    """Forget the language of the last request, which Django keeps for the thread."""
    yield
    translation.deactivate()


@pytest.fixture
def user(db: None) -> User:
    return make_user("owner@example.com")


@pytest.fixture
def stranger(db: None) -> User:
    return make_user("stranger@example.com")


@pytest.fixture
def enterprise_user(user: User) -> User:
    start_subscription(user=user, plan=PLANS["enterprise"])
    return user


@pytest.fixture
def starter(db: None) -> GenerationModel:
    return install_starter_model()


@pytest.fixture
def api(user: User) -> APIClient:
    """A client of the JSON API, signed in as `user`."""
    client = APIClient()
    client.force_login(user)
    return client


@pytest.fixture
def stranger_api(stranger: User) -> APIClient:
    client = APIClient()
    client.force_login(stranger)
    return client


@pytest.fixture
def browser_client(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def stored_files() -> Callable[[], set[str]]:
    """Return a function that lists the keys of all stored files of users."""
    root = Path(default_storage.location)  # type: ignore[attr-defined]

    def look() -> set[str]:
        users = root / "users"
        return {str(path.relative_to(root)) for path in users.rglob("*") if path.is_file()}

    return look


@pytest.fixture(autouse=True)
def no_files_left() -> Iterator[None]:
    yield
    # With their folders, which each later test would walk through again. A process that a test
    # started may still write.
    for path in Path(settings.MEDIA_ROOT).glob("*"):
        shutil.rmtree(path, ignore_errors=True)
