"""Take models out of buckets of ours, for administrators; imported where that is asked for alone,
since the client takes time and memory.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.utils.translation import gettext as _

from apps.catalog.installs.plans import InstallPlan, WantedFile
from apps.catalog.installs.sources import parse_s3
from apps.catalog.probing import ProbeRefused
from apps.catalog.probing.contents import MOST_FILES
from apps.catalog.storage import is_safe_path
from apps.core.fetch_targets import FetchFailed
from config import env

PIECE_BYTES = 1024**2


def plan_s3_install(source: str) -> InstallPlan:
    """List the file, or the files below a key that ends with "/".

    Raises:
        ProbeRefused: the bucket may not be installed from, or has no such file.
        FetchFailed: the bucket cannot be asked.
    """
    place = parse_s3(source)
    if place.bucket not in settings.EASEL_INSTALL_S3_BUCKETS:
        raise ProbeRefused(_("Models are not installed from this bucket."))
    files = []
    try:
        pages = _client().get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=place.bucket, Prefix=place.key):
            files += [
                file
                for found in page.get("Contents", ())
                if (file := _wanted(place.bucket, place.key, found)) is not None
            ]
            if len(files) > MOST_FILES:
                raise ProbeRefused(_("There are too many files in it."))
    except (ClientError, BotoCoreError) as error:
        raise FetchFailed(_("The bucket cannot be read."), reason=str(error)) from error
    if not files:
        raise ProbeRefused(_("There is no such file in it."))
    return InstallPlan(files)


def read_s3(file: WantedFile, *, start: int) -> Iterator[bytes]:
    """Yield the bytes of a file from `start` on, of the version that was listed.

    Raises:
        FetchFailed: the bucket cannot be read, has another version by now, or ended early.
    """
    found = parse_s3(file.place)
    asked = {"Range": f"bytes={start}-"} if start else {}
    if file.version:
        asked["IfMatch"] = file.version
    try:
        answer = _client().get_object(Bucket=found.bucket, Key=found.key, **asked)
        with closing(answer["Body"]) as body:
            yield from body.iter_chunks(PIECE_BYTES)
    except (ClientError, BotoCoreError, OSError) as error:
        raise FetchFailed(_("The bucket cannot be read."), reason=str(error)) from error


def _wanted(bucket: str, prefix: str, found: dict[str, Any]) -> WantedFile | None:
    key = str(found["Key"])
    if key == prefix:
        path = key.rpartition("/")[2]
    elif prefix.endswith("/"):
        path = key.removeprefix(prefix)
    else:
        return None
    if not path or not is_safe_path(path):
        return None
    return WantedFile(path, f"s3://{bucket}/{key}", int(found["Size"]), version=str(found["ETag"]))


def _client() -> Any:
    return boto3.client("s3", endpoint_url=env.S3_ENDPOINT_URL)
