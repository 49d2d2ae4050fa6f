"""Large archives: made in the background once each, whoever dies over it, and told of live."""

import os
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import OperationalError
from django.utils import timezone
from PIL import Image as PillowImage
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.images.archive_selectors import pictures_of
from apps.images.archives import zip_pieces
from apps.images.exports import ExportFormat
from apps.images.listed import read_listed
from apps.images.models import Archive, ArchiveStatus
from apps.images.services import archive_making
from apps.images.services.archive_making import (
    LEASE,
    MAX_ATTEMPTS,
    claim_next_archive,
    make_archives,
    make_next_archive,
)
from apps.images.services.archives import remove_expired_archives
from apps.images.services.pictures import add_results, store_picture
from apps.images.signals import archive_changed
from tests.database import session_database_url
from tests.factories import make_image
from tests.images.archive_files import URL, ask, fetch, listed, names_in
from tests.stack import Stack, wait_until

Files = Callable[[], set[str]]


@pytest.fixture(autouse=True)
def nothing_is_small(settings: Any) -> None:
    settings.EASEL_ARCHIVE_STREAM_PICTURES = 0


@pytest.fixture
def told() -> Any:
    """Return a list of what an archive's user was told: status, done and total."""
    heard: list[tuple[str, int, int]] = []

    def hear(*, archive: Archive, **_kwargs: Any) -> None:
        heard.append((str(archive.status), archive.done, archive.total))

    archive_changed.connect(hear)
    yield heard
    archive_changed.disconnect(hear)


def archives_of(user: User) -> set[str]:
    return {f"users/{user.id}/archives/{archive.id}.zip" for archive in Archive.objects.all()}


def lose_maker() -> None:
    Archive.objects.filter(status=ArchiveStatus.RUNNING).update(
        lease_until=timezone.now() - timedelta(seconds=1)
    )


def test_it_is_made_stored_told_of_and_removed_after_a_day(
    api: APIClient,
    user: User,
    stored_files: Files,
    told: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    monkeypatch.setattr(archive_making, "PROGRESS_SECONDS", 0)
    images = [make_image(user, prompt=f"picture {number}") for number in range(3)]
    before = stored_files()
    address = ask(api, *images)["Location"]

    with django_capture_on_commit_callbacks(execute=True):
        assert make_archives() == 1

    shown = api.get(address).json()
    assert (shown["status"], shown["done"], shown["total"]) == ("ready", 3, 3)
    assert stored_files() - before == archives_of(user)
    response = api.get(shown["url"])
    assert int(response["Content-Length"]) == shown["size_bytes"]
    assert set(names_in(fetch(api, shown["url"]))) == {str(one.image_name) for one in images}
    assert told[0] == ("running", 0, 3)
    assert told[-1] == ("ready", 3, 3)
    assert [done for _status, done, _total in told] == sorted(done for _s, done, _t in told)
    Archive.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert (remove_expired_archives(), Archive.objects.count()) == (1, 0)
    assert stored_files() == before


def test_progress_is_written_once_a_second_at_most(
    api: APIClient, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(100))
    written: list[int] = []
    change = archive_making._change
    monkeypatch.setattr(time, "monotonic", lambda: next(seconds) / 4)

    def note(archive: Archive, **facts: Any) -> bool:
        written.append(facts["done"])
        return change(archive, **facts)

    monkeypatch.setattr(archive_making, "_change", note)
    ask(api, *[make_image(user) for _number in range(12)])
    make_archives()

    assert len(written) < 6
    assert written[-1] == 12


@pytest.mark.parametrize(("kind", "suffix"), [("webp", ".webp"), ("jpeg", ".jpg")])
def test_pictures_come_as_they_are_asked_for(
    api: APIClient, user: User, kind: str, suffix: str
) -> None:
    address = ask(api, make_image(user, prompt="a red circle"), format=kind, quality=50)["Location"]
    make_archives()

    archive = fetch(api, api.get(address).json()["url"])

    (entry,) = listed(archive)
    assert entry["file"].endswith(suffix)
    with archive.open(entry["file"]) as file, PillowImage.open(file) as picture:
        assert (picture.format, picture.size) == (kind.upper(), (64, 48))


def test_a_picture_too_large_for_the_format_comes_as_it_is(user: User) -> None:
    name = uuid.uuid4()
    stored = store_picture(
        user_id=user.id,
        image_name=name,
        picture=PillowImage.new("RGB", (16_384, 1)),
        metadata={},
    )
    add_results(user_id=user.id, job_id=uuid.uuid4(), pictures=[(0, stored)])
    images = read_listed("image_name = %s", [name])

    content = b"".join(zip_pieces(images, to=ExportFormat.WEBP, quality=50))

    assert b".png" in content
    assert b".webp" not in content


def test_one_of_a_user_at_a_time_the_oldest_first(
    api: APIClient, stranger_api: APIClient, user: User, stranger: User
) -> None:
    first, second = ask(api, make_image(user)).json(), ask(api, make_image(user)).json()
    theirs = ask(stranger_api, make_image(stranger)).json()

    claimed = [claim_next_archive() for _turn in range(3)]

    assert [str(one.id) if one else None for one in claimed] == [first["id"], theirs["id"], None]
    Archive.objects.filter(id=first["id"]).delete()
    following = claim_next_archive()
    assert following is not None
    assert str(following.id) == second["id"]


def test_a_user_with_many_waits_for_everybody_with_fewer(
    api: APIClient, stranger_api: APIClient, user: User, stranger: User
) -> None:
    mine = [ask(api, make_image(user)).json()["id"] for _number in range(4)]
    theirs = ask(stranger_api, make_image(stranger)).json()["id"]
    made = []

    while archive := claim_next_archive():
        archive_making._make(archive)
        made.append(str(archive.id))

    assert made == [mine[0], theirs, *mine[1:]]


def test_a_damaged_picture_comes_as_it_is(api: APIClient, user: User) -> None:
    whole, short, altered = (make_image(user) for _number in range(3))
    content = Path(default_storage.path(short.s3_key)).read_bytes()
    spoilt = {short: content[: len(content) // 2], altered: b"no picture"}
    for image, damaged in spoilt.items():
        Path(default_storage.path(image.s3_key)).write_bytes(damaged)
    address = ask(api, whole, short, altered, format="webp")["Location"]

    assert make_archives() == 1

    archive = fetch(api, api.get(address).json()["url"])
    files = {entry["image_name"]: entry["file"] for entry in listed(archive)}
    assert files[str(whole.image_name)].endswith(".webp")
    for image, damaged in spoilt.items():
        assert files[str(image.image_name)].endswith(".png")
        assert archive.read(files[str(image.image_name)]) == damaged


def test_nothing_is_made_for_whoever_may_not_sign_in(api: APIClient, user: User) -> None:
    ask(api, make_image(user))
    User.objects.filter(id=user.id).update(is_active=False)

    assert make_archives() == 0
    assert api.get(URL).status_code == 401
    assert Archive.objects.get().status == ArchiveStatus.WAITING


def test_what_was_begun_for_them_goes_when_its_time_is_over(api: APIClient, user: User) -> None:
    ask(api, make_image(user))
    assert claim_next_archive() is not None
    User.objects.filter(id=user.id).update(is_active=False)
    Archive.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert remove_expired_archives() == 0
    lose_maker()
    assert remove_expired_archives() == 1
    assert not Archive.objects.exists()


def test_a_lost_archive_is_begun_again_and_not_for_ever(api: APIClient, user: User) -> None:
    address = ask(api, make_image(user))["Location"]
    for attempt in range(1, MAX_ATTEMPTS + 1):
        claimed = claim_next_archive()
        assert claimed is not None
        assert (claimed.attempt, claimed.lease_until) > (attempt - 1, timezone.now() + LEASE / 2)
        assert claim_next_archive() is None
        lose_maker()

    assert make_archives() == 0

    shown = api.get(address).json()
    assert (shown["status"], shown["url"]) == ("failed", None)
    assert shown["detail"].startswith("The archive could not be made.")
    assert len(shown["error_id"]) == 16


def test_a_store_that_is_away_costs_time_and_a_fault_of_ours_ends_it(
    api: APIClient, user: User, monkeypatch: pytest.MonkeyPatch, stored_files: Files
) -> None:
    address = ask(api, make_image(user))["Location"]

    def away(*_args: Any) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(default_storage, "save", away)
        with pytest.raises(ConnectionError):
            make_archives()
    assert api.get(address).json()["status"] == "running"
    lose_maker()
    assert make_archives() == 1
    assert api.get(address).json()["status"] == "ready"

    broken = ask(api, make_image(user))["Location"]
    with monkeypatch.context() as patch:
        patch.setattr(archive_making, "make_zip", lambda *_args: 1 / 0)
        assert make_archives() == 1
    assert api.get(broken).json()["status"] == "failed"


def test_a_part_away_is_not_the_archives_fault(
    api: APIClient, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(api, make_image(user))

    def away(_archive: Archive) -> None:
        raise OperationalError

    monkeypatch.setattr(archive_making, "_make", away)
    with pytest.raises(OperationalError):
        make_next_archive()

    assert Archive.objects.get().status == ArchiveStatus.RUNNING


@pytest.mark.parametrize("moment", ["between pictures", "when it is stored"])
def test_a_deleted_one_is_given_up_and_leaves_no_file(
    api: APIClient,
    user: User,
    stored_files: Files,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    monkeypatch.setattr(archive_making, "PROGRESS_SECONDS", 0)
    images = [make_image(user), make_image(user)]
    before = stored_files()
    address = ask(api, *images)["Location"]
    save = default_storage.save

    def deleted_meanwhile(archive: Archive) -> Any:
        for image in pictures_of(archive):
            yield image
            assert api.delete(address).status_code in {204, 404}

    def deleted_before(key: str, content: Any) -> str:
        assert api.delete(address).status_code == 204
        return str(save(key, content))

    if moment == "between pictures":
        monkeypatch.setattr(archive_making, "pictures_of", deleted_meanwhile)
    else:
        monkeypatch.setattr(default_storage, "save", deleted_before)

    assert make_archives() == 1

    assert (Archive.objects.count(), stored_files()) == (0, before)


def test_a_ready_one_is_deleted_with_its_file(
    api: APIClient, user: User, stored_files: Files, django_capture_on_commit_callbacks: Any
) -> None:
    image = make_image(user)
    before = stored_files()
    address = ask(api, image)["Location"]
    make_archives()
    assert len(stored_files()) == len(before) + 1

    with django_capture_on_commit_callbacks(execute=True):
        assert api.delete(address).status_code == 204

    assert (api.get(address).status_code, stored_files()) == (404, before)


def test_a_late_maker_changes_nothing(api: APIClient, user: User, stored_files: Files) -> None:
    address = ask(api, make_image(user))["Location"]
    late = claim_next_archive()
    assert late is not None
    lose_maker()
    assert make_archives() == 1
    shown = api.get(address).json()

    archive_making._make(late)

    assert api.get(address).json() == shown
    assert archives_of(user) <= stored_files()


@pytest.mark.django_db(transaction=True)
def test_the_lease_is_renewed_while_a_large_zip_is_stored(
    api: APIClient, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_making, "BEAT_SECONDS", 0.05)
    ask(api, make_image(user))
    save = default_storage.save
    leases = []

    def slowly(key: str, content: Any) -> str:
        lose_maker()
        wait_until(
            lambda: Archive.objects.get().lease_until > timezone.now(),  # type: ignore[operator]
            seconds=20,
            what="a beat",
        )
        leases.append(claim_next_archive())
        return str(save(key, content))

    monkeypatch.setattr(default_storage, "save", slowly)

    assert make_archives() == 1

    assert leases == [None]
    assert Archive.objects.get().status == ArchiveStatus.READY
    assert "archive-lease" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.django_db(transaction=True)
def test_a_killed_schedulers_archive_is_begun_again(api: APIClient, user: User) -> None:
    """The process hangs over the second picture, a pipe that nobody writes to, and is killed."""
    images = [make_image(user) for _number in range(3)]
    blocked = Path(default_storage.path(images[1].s3_key))
    content = blocked.read_bytes()
    blocked.unlink()
    os.mkfifo(blocked)
    address = ask(api, *images)["Location"]
    with Stack({"EASEL_DATABASE_URL": session_database_url()}) as stack:
        stack.start_scheduler()
        wait_until(
            lambda: Archive.objects.get().status == ArchiveStatus.RUNNING,
            seconds=60,
            what="the claim",
        )
        stack.kill("scheduler")
    assert api.get(address).json()["status"] == "running"
    blocked.unlink()
    blocked.write_bytes(content)
    assert make_archives() == 0
    lose_maker()

    assert make_archives() == 1

    assert Archive.objects.get().attempt == 2
    found = names_in(fetch(api, api.get(address).json()["url"]))
    assert set(found) == {str(image.image_name) for image in images}
