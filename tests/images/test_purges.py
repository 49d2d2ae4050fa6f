"""What is deleted for good is out of sight and of the quota at once; its files follow."""

import time
from collections.abc import Callable, Sequence

import pytest
from django.db import connection, transaction
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.boards.models import Board
from apps.boards.services import create_board, move_images
from apps.core.models import Act, AuditRecord
from apps.core.storage import file_store
from apps.images.models import HourCount, Image, Purge, StorageUse
from apps.images.services import purges
from apps.images.services.purges import delete_purged_files
from apps.images.storage import file_keys
from tests.factories import delete_image, make_image
from tests.queries import counted_queries

TRASH = "/api/v1/images/trash"
FILL = """
    INSERT INTO images_image (id, user_id, image_name, image_origin, image_category, node_id, width,
        height, file_size_bytes, metadata, is_intermediate, starred, rating, note, tags,
        placeholder, has_workflow, s3_key, s3_thumbnail_key, created_at, updated_at, deleted_at)
    SELECT gen_random_uuid(), %s, gen_random_uuid(), 'internal', 'general', '', 64, 48, 1000,
        '{}', false, false, 0, '', '{}', '', false, '', '', now(), now(), now()
    FROM generate_series(1, %s)
"""


def fill_trash(user: User, count: int) -> None:
    """Throw away many pictures that have no files."""
    with connection.cursor() as cursor:
        cursor.execute(FILL, [user.id, count])


def test_a_large_trash_is_emptied_in_one_statement_and_the_quota_is_exact(
    api: APIClient, user: User, stranger: User
) -> None:
    kept, theirs = make_image(user), make_image(stranger)
    fill_trash(user, 2000)
    hours = list(HourCount.objects.values_list("user_id", "image_count"))
    begun = time.monotonic()

    with counted_queries() as queries:
        assert api.delete(TRASH).status_code == 204

    # 20,000 take 0.6 s; of triggers for each row, 2,000 would take longer than this.
    assert time.monotonic() - begun < 2
    assert len([sql for sql in queries if "images_image" in sql]) == 1
    use = StorageUse.objects.get(user=user)
    assert (use.image_count, use.loose_count, use.trash_count) == (1, 1, 0)
    assert use.stored_bytes == kept.file_size_bytes
    assert list(HourCount.objects.values_list("user_id", "image_count")) == hours
    assert set(Image.objects.all()) == {kept, theirs}
    assert Purge.objects.filter(user=user).count() == 2000
    record = AuditRecord.objects.get(act=Act.IMAGE_DELETED)
    assert (record.user_id, record.target) == (user.id, "the whole trash: 2000")


def test_an_empty_trash_leaves_no_record(api: APIClient, user: User) -> None:
    assert api.delete(TRASH).status_code == 204

    assert not AuditRecord.objects.filter(act=Act.IMAGE_DELETED).exists()


def test_counts_are_exact_when_shown_pictures_go(user: User, stranger: User) -> None:
    kept, gone = make_image(user), make_image(user)
    for owner in (user, stranger):
        make_image(owner)
    board, other = (create_board(user=user, name=name) for name in "ab")
    move_images(user=user, names=[kept.image_name, gone.image_name], board_id=board.id)
    move_images(user=user, names=[kept.image_name], board_id=other.id)

    Image.objects.exclude(id=kept.id).delete()

    counts = Board.objects.filter(user=user).order_by("name").values_list("image_count", flat=True)
    assert list(counts) == [0, 1]
    mine, theirs = StorageUse.objects.get(user=user), StorageUse.objects.get(user=stranger)
    assert (mine.image_count, mine.loose_count, mine.trash_count) == (1, 0, 0)
    assert mine.stored_bytes == kept.file_size_bytes
    assert (theirs.image_count, theirs.stored_bytes) == (0, 0)
    assert dict(HourCount.objects.values_list("user_id", "image_count")) == {
        user.id: 1,
        stranger.id: 0,
    }


def test_the_files_go_with_the_sweep_and_no_others(
    user: User, stored_files: Callable[[], set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purges, "PICTURES_A_BATCH", 2)
    kept = make_image(user)
    for _number in range(5):
        delete_image(user=user, image_name=make_image(user).image_name)
    assert len(stored_files()) == 18

    assert delete_purged_files() == 5

    assert stored_files() == set(file_keys(user_id=user.id, image_name=kept.image_name))
    assert (delete_purged_files(), Purge.objects.count()) == (0, 0)


def test_a_row_that_stays_keeps_its_files(user: User, stored_files: Callable[[], set[str]]) -> None:
    """The note of what to delete is of the same transaction as the deletion."""
    image = make_image(user)

    def delete_in_vain() -> None:
        with transaction.atomic():
            delete_image(user=user, image_name=image.image_name)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        delete_in_vain()

    assert (delete_purged_files(), Image.objects.count()) == (0, 1)
    assert len(stored_files()) == 3


@pytest.mark.django_db(transaction=True)
def test_a_sweep_that_is_cut_short_goes_on(
    user: User, stored_files: Callable[[], set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purges, "PICTURES_A_BATCH", 1)
    for _number in range(3):
        delete_image(user=user, image_name=make_image(user).image_name)
    delete_many = file_store.delete_many
    batches: list[Sequence[str]] = []

    def away_in_the_second(keys: Sequence[str]) -> None:
        batches.append(keys)
        if len(batches) == 2:
            delete_many(keys[:1])
            raise ConnectionError("the store is away")
        delete_many(keys)

    with monkeypatch.context() as patch:
        patch.setattr(file_store, "delete_many", away_in_the_second)
        with pytest.raises(ConnectionError):
            delete_purged_files()
    assert (Purge.objects.count(), len(stored_files())) == (2, 5)

    assert delete_purged_files() == 2

    assert (Purge.objects.count(), stored_files()) == (0, set())
