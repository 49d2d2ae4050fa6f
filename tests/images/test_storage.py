"""Files are whole or absent, on disk and on S3."""

import io
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.utils import timezone

from apps.core.s3_storage import S3FileStorage
from apps.core.storage import AtomicFileSystemStorage, FileStore


class Torn(io.BytesIO):
    """A file whose source breaks off."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > 0:
            raise OSError("the source broke off")
        return super().read(10)


@pytest.fixture
def storage(tmp_path: Path) -> AtomicFileSystemStorage:
    return AtomicFileSystemStorage(location=tmp_path, allow_overwrite=True)


def test_a_file_is_written_and_overwritten_whole(storage: AtomicFileSystemStorage) -> None:
    for content in (b"first", b"second"):
        assert storage.save("users/a/images/x.png", ContentFile(content)) == "users/a/images/x.png"
        with storage.open("users/a/images/x.png") as file:
            assert file.read() == content


def test_a_write_that_breaks_off_leaves_what_was_there(
    storage: AtomicFileSystemStorage, tmp_path: Path
) -> None:
    storage.save("x.png", ContentFile(b"whole"))

    with pytest.raises(OSError, match="broke off"):
        storage.save("x.png", File(Torn(b"x" * 100), name="x.png"))

    assert (tmp_path / "x.png").read_bytes() == b"whole"
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]


def test_the_same_calls_work_on_s3(s3: S3FileStorage) -> None:
    key = "users/a/images/x.png"
    for content in (b"first", b"second"):
        assert s3.save(key, ContentFile(content)) == key
        with s3.open(key) as file:
            assert file.read() == content
    s3.delete(key)
    s3.delete(key)

    with pytest.raises(FileNotFoundError):
        s3.open(key).read()


def test_files_are_read_listed_and_deleted_by_the_thousand(
    any_store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.core.s3_storage.MOST_KEYS", 2)
    monkeypatch.setattr("apps.core.storage.PIECE_BYTES", 4)
    monkeypatch.setattr("apps.core.s3_storage.PIECE_BYTES", 4)
    keys = {f"users/a/{folder}/{number}.png" for folder in "bc" for number in range(3)}
    for key in (*keys, "users/ab/other.png", "models/x"):
        default_storage.save(key, ContentFile(b"0123456789"))

    assert [piece for piece in any_store.pieces("users/a/b/0.png") if piece] == [
        *(b"0123", b"4567", b"89")
    ]
    assert b"".join(any_store.pieces("users/a/b/0.png", range(3, 9))) == b"345678"
    listed = list(any_store.walk("users/a"))
    assert {file.key for file in listed} == keys
    assert all(abs(timezone.now() - file.written_at) < timedelta(minutes=5) for file in listed)

    any_store.delete_many([*keys, "users/a/never.png"])

    assert list(any_store.walk("users/a")) == []
    assert [file.key for file in any_store.walk("users")] == ["users/ab/other.png"]
    assert list(any_store.walk("nothing")) == []


def test_what_is_not_there_is_said_before_anything_is_sent(any_store: FileStore) -> None:
    with pytest.raises(FileNotFoundError):
        any_store.pieces("users/a/never.png")


def test_a_bucket_that_is_away_is_an_error_of_the_system(s3: S3FileStorage) -> None:
    s3.connection.Bucket("easel-test").delete()

    with pytest.raises(OSError, match="NoSuchBucket"):
        s3.delete_many(["users/a/x.png"])
    with pytest.raises(OSError, match="NoSuchBucket"):
        list(s3.walk("users"))
