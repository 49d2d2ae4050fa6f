"""An S3 server on loopback with one bucket, which each start empties."""

from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import requests
from moto.server import ThreadedMotoServer

from apps.core.s3_storage import S3FileStorage

BUCKET = "easel-test"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "ap-northeast-2",
}


@contextmanager
def started() -> Iterator[str]:
    """Run the server and yield its endpoint; `CREDENTIALS` are in the environment."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        # What it holds is the process's, not the server's.
        requests.post(f"{endpoint}/moto-api/reset", timeout=10).raise_for_status()
        boto3.client("s3", endpoint_url=endpoint).create_bucket(
            Bucket=BUCKET,
            CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"},
        )
        yield endpoint
    finally:
        server.stop()


def store(endpoint: str) -> S3FileStorage:
    """Return the product's store on that bucket."""
    return S3FileStorage(bucket_name=BUCKET, endpoint_url=endpoint, file_overwrite=True)
