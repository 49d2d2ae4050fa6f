"""Files without a row go, an hour after they were written; those with one never do."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.core import storage
from apps.core.storage import FileStore
from apps.images.models import Archive, Image
from apps.images.services import orphans
from apps.images.services.archive_making import make_archives
from apps.images.services.library import trash_images
from apps.images.services.orphans import remove_orphans
from apps.images.services.pictures import add_results, store_picture
from apps.images.storage import archive_key, file_keys, image_key
from apps.privacy.services.background import run_next_request
from apps.privacy.services.requests import request_export
from tests.factories import make_image, make_picture
from tests.images.archive_files import ask

NEVER = uuid.UUID("00000000-0000-4000-8000-000000000000")


@pytest.fixture
def an_hour_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every file be old enough: the times of files on S3 are its own."""
    monkeypatch.setattr(orphans, "GRACE", timedelta(minutes=-5))


def keys(store: FileStore) -> set[str]:
    return {file.key for file in store.walk("users")}


def put(key: str) -> str:
    default_storage.save(key, ContentFile(b"x"))
    return key


def test_what_no_row_names_goes_and_all_else_stays(
    any_store: FileStore,
    an_hour_later: None,
    api: APIClient,
    user: User,
    stranger: User,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(storage, "FILES_A_BATCH", 2)
    settings.EASEL_ARCHIVE_STREAM_PICTURES = 0
    shown, thrown, theirs = make_image(user), make_image(user), make_image(stranger)
    trash_images(user=user, names=[thrown.image_name])
    ask(api, shown)
    make_archives()
    request_export(user=user)
    run_next_request()
    not_ours = {put(f"users/{user.id}/uploads/{NEVER}.png"), put(f"users/{user.id}/a.txt")}
    kept = keys(any_store)
    assert len(kept) == 9 + 1 + 1 + len(not_ours)
    # Of a name that another user's picture has: it is that one's alone.
    lost = set(file_keys(user_id=user.id, image_name=theirs.image_name))
    lost |= set(file_keys(user_id=user.id, image_name=NEVER))
    lost |= {archive_key(user_id=user.id, archive_id=NEVER), f"users/{user.id}/exports/{NEVER}.zip"}
    for key in lost:
        put(key)

    assert (remove_orphans(), remove_orphans()) == (len(lost), 0)

    assert keys(any_store) == kept
    assert Archive.objects.count() == 1


def test_a_file_whose_row_is_still_to_come_is_kept(
    any_store: FileStore, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = uuid.uuid4()
    stored = store_picture(user_id=user.id, image_name=name, picture=make_picture(), metadata={})
    assert remove_orphans() == 0
    add_results(user_id=user.id, job_id=uuid.uuid4(), pictures=[(0, stored)])
    monkeypatch.setattr(orphans, "GRACE", timedelta(minutes=-5))

    assert remove_orphans() == 0

    assert keys(any_store) == set(file_keys(user_id=user.id, image_name=name))


def test_a_row_that_comes_between_the_list_and_the_look_saves_its_files(
    any_store: FileStore, an_hour_later: None, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = uuid.uuid4()
    stored = store_picture(user_id=user.id, image_name=name, picture=make_picture(), metadata={})

    def listed_before_the_row(folder: str, *, before: datetime) -> Any:
        listed = list(storage.old_keys(folder, before=before))
        add_results(user_id=user.id, job_id=uuid.uuid4(), pictures=[(0, stored)])
        return listed

    monkeypatch.setattr(orphans, "old_keys", listed_before_the_row)

    assert remove_orphans() == 0

    assert len(keys(any_store)) == 3
    assert Image.objects.filter(image_name=name).exists()


def test_a_write_that_was_cut_short_leaves_nothing(
    an_hour_later: None, user: User, stored_files: Any
) -> None:
    image = make_image(user)
    put(f"users/{user.id}/images/.incomplete-a1b2c3d4")

    assert remove_orphans() == 1

    assert image_key(user_id=user.id, image_name=image.image_name) in stored_files()


def test_in_the_store_of_another_database_nothing_is_deleted(
    any_store: FileStore, an_hour_later: None, user: User
) -> None:
    """As by a scheduler that was pointed at a restored or an empty one."""
    put(image_key(user_id=NEVER, image_name=NEVER))
    lost = put(image_key(user_id=user.id, image_name=NEVER))

    assert remove_orphans() == 0

    assert lost in keys(any_store)
