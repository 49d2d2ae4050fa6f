"""Stores of files: the disk that tests have anyway, and an S3 server of their own."""

from collections.abc import Iterator

import pytest
from django.core.files.storage import default_storage

from apps.core.s3_storage import S3FileStorage
from apps.core.storage import FileStore, file_store
from tests import s3_server


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3FileStorage]:
    for name, value in s3_server.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with s3_server.started() as endpoint:
        yield s3_server.store(endpoint)


@pytest.fixture(params=["disk", "s3"])
def any_store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FileStore:
    """The store of the product, on the disk and then on S3."""
    if request.param == "s3":
        bucket = request.getfixturevalue("s3")
        # Whatever is asked for first makes the store that is to be replaced.
        default_storage.exists("x")
        monkeypatch.setattr(default_storage, "_wrapped", bucket)
    return file_store
