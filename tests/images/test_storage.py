"""Files are whole or absent, on disk and on S3."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from django.core.files.base import ContentFile, File
from moto.server import ThreadedMotoServer
from storages.backends.s3 import S3Storage

from apps.core.storage import AtomicFileSystemStorage


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


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Storage]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-2")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        boto3.client("s3", endpoint_url=endpoint).create_bucket(
            Bucket="easel-test",
            CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"},
        )
        yield S3Storage(bucket_name="easel-test", endpoint_url=endpoint, file_overwrite=True)
    finally:
        server.stop()


def test_the_same_calls_work_on_s3(s3: Any) -> None:
    key = "users/a/images/x.png"
    for content in (b"first", b"second"):
        assert s3.save(key, ContentFile(content)) == key
        with s3.open(key) as file:
            assert file.read() == content
    s3.delete(key)
    s3.delete(key)

    with pytest.raises(FileNotFoundError):
        s3.open(key).read()
