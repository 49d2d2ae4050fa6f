"""Archives asked for and claimed at the same moment."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection

from apps.accounts.models import User
from apps.core.errors import Conflict
from apps.core.tenancy import tenant_scope
from apps.images.models import Archive
from apps.images.services import archive_making, archives
from apps.images.services.archive_making import claim_next_archive
from apps.images.services.archives import request_archive
from tests.factories import make_image, make_user

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(count: int, action: Callable[[], Any]) -> list[Any]:
    """Run `action` in threads that start together; return what each returned or raised."""
    results: list[Any] = []
    together = threading.Barrier(count)

    def run() -> None:
        try:
            together.wait(timeout=30)
            results.append(action())
        except (Conflict, DatabaseError) as error:
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return results


@pytest.fixture
def small_room(user: User, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.EASEL_ARCHIVE_STREAM_PICTURES = 0
    monkeypatch.setattr(archives, "MOST_KEPT", 2)
    make_image(user)


def ask(user: User) -> Archive:
    with tenant_scope(user.id):
        return request_archive(user=user, board="all", quality=90)


def test_no_more_are_kept_however_many_are_asked_for_at_once(user: User, small_room: None) -> None:
    results = at_once(6, lambda: ask(user))

    assert sum(isinstance(result, Conflict) for result in results) == 4
    assert Archive.objects.count() == 2


def test_without_the_lock_there_would_be_more(
    user: User, small_room: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: all count before anybody writes."""
    counted = threading.Barrier(3)

    def count_together(_user: User) -> None:
        kept = Archive.objects.filter(user=_user).count()
        counted.wait(timeout=30)
        if kept >= archives.MOST_KEPT:
            raise Conflict

    monkeypatch.setattr(archives, "_check_room", count_together)

    at_once(3, lambda: ask(user))

    assert Archive.objects.count() == 3


def test_one_archive_of_a_user_runs_however_many_schedulers_claim(
    user: User, small_room: None
) -> None:
    first = ask(user)
    ask(user)

    claimed = at_once(4, claim_next_archive)

    assert [one.id for one in claimed if isinstance(one, Archive)] == [first.id]
    assert [type(one) for one in claimed].count(type(None)) == 3
    assert Archive.objects.filter(status="running").count() == 1


def test_two_makers_take_archives_of_two_users(user: User, small_room: None) -> None:
    """The second of the first user is older than the other's, and neither maker is refused."""
    other = make_user("other@example.com")
    make_image(other)
    wanted = [ask(user), ask(user), ask(other)][::2]

    claimed = at_once(2, claim_next_archive)

    assert {one.id for one in claimed} == {one.id for one in wanted}


def test_without_the_lock_a_maker_would_be_refused(
    user: User, small_room: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the other one is committed after the second has looked."""
    ask(user)
    ask(user)
    looked = threading.Barrier(2)
    save = Archive.save

    def save_together(archive: Archive, **options: Any) -> None:
        looked.wait(timeout=30)
        save(archive, **options)

    monkeypatch.setattr(archive_making, "_wait_for_other_claims", lambda: None)
    monkeypatch.setattr(Archive, "save", save_together)

    claimed = at_once(2, claim_next_archive)

    assert {type(one) for one in claimed} == {Archive, IntegrityError}
