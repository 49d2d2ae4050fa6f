"""Stores of files: the disk that tests have anyway, and an S3 server of their own."""

from collections.abc import Iterator

import boto3
import pytest
import requests
from django.core.files.storage import default_storage
from moto.server import ThreadedMotoServer

from apps.core.s3_storage import S3FileStorage
from apps.core.storage import FileStore, file_store


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3FileStorage]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-2")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        # What it holds is the process's, not the server's.
        requests.post(f"{endpoint}/moto-api/reset", timeout=10).raise_for_status()
        boto3.client("s3", endpoint_url=endpoint).create_bucket(
            Bucket="easel-test",
            CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"},
        )
        yield S3FileStorage(bucket_name="easel-test", endpoint_url=endpoint, file_overwrite=True)
    finally:
        server.stop()


@pytest.fixture(params=["disk", "s3"])
def any_store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FileStore:
    """The store of the product, on the disk and then on S3."""
    if request.param == "s3":
        bucket = request.getfixturevalue("s3")
        # Whatever is asked for first makes the store that is to be replaced.
        default_storage.exists("x")
        monkeypatch.setattr(default_storage, "_wrapped", bucket)
    return file_store
