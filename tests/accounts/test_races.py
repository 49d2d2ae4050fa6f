"""What happens when two of the same arrive at once."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet

from apps.accounts.errors import LinkExpired
from apps.accounts.identities import ProviderIdentity
from apps.accounts.models import User
from apps.accounts.selectors import account_by_email
from apps.accounts.services import users as services
from apps.accounts.signals import account_opened
from apps.accounts.tokens import confirmation_tokens
from tests.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def opened() -> Iterator[list[User]]:
    """The accounts that were opened."""
    seen: list[User] = []

    def note(*, user: User, **kwargs: Any) -> None:
        seen.append(user)

    account_opened.connect(note)
    yield seen
    account_opened.disconnect(note)


def both(act: Callable[[], object]) -> list[object]:
    """Do `act` in two threads and return what came of each."""

    def run() -> object:
        try:
            return act()
        except LinkExpired as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        return [future.result() for future in [threads.submit(run) for _ in range(2)]]


def meet_after(call: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `call` so that two threads leave it together, or one alone after a second."""
    barrier = threading.Barrier(2)

    def met(*args: Any, **kwargs: Any) -> Any:
        result = call(*args, **kwargs)
        with suppress(threading.BrokenBarrierError):
            barrier.wait(timeout=1)
        return result

    return met


@pytest.fixture
def confirm_twice(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[object]]:
    user = make_user("new@example.com", email_verified=False)
    token = confirmation_tokens.make_token(user)
    met = meet_after(confirmation_tokens.check_token)
    monkeypatch.setattr(confirmation_tokens, "check_token", met)
    return lambda: both(lambda: services.confirm_address(user=user, token=token))


def test_a_link_that_is_followed_twice_at_once_opens_once(
    confirm_twice: Callable[[], list[object]], opened: list[User]
) -> None:
    outcomes = confirm_twice()

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LinkExpired", "User"]
    assert len(opened) == 1


def test_without_the_lock_the_link_would_open_twice(
    confirm_twice: Callable[[], list[object]],
    opened: list[User],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(QuerySet, "select_for_update", lambda self: self)

    confirm_twice()

    assert len(opened) == 2


def test_two_first_sign_ins_at_once_make_one_account(
    opened: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "account_by_email", meet_after(account_by_email))
    identity = ProviderIdentity(subject="subject", email="ada@example.com", email_verified=True)

    one, two = both(lambda: services.account_of_identity(identity=identity))

    assert one == two == User.objects.get()
    assert len(opened) == 1


def test_two_sign_ups_at_once_make_one_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "account_by_email", meet_after(account_by_email))
    form = {"email": "ada@example.com", "password": "a long enough password", "name": ""}

    assert both(lambda: services.sign_up(**form, origin="http://testserver")) == [None, None]

    assert User.objects.count() == 1
