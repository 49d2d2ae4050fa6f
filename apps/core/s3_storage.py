"""Files on S3; imported where a bucket is set alone, since the client takes time and memory."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from botocore.exceptions import BotoCoreError, ClientError
from storages.backends.s3 import S3Storage

from apps.core.storage import PIECE_BYTES, StoredFile, begun

# As many as S3 deletes in one request.
MOST_KEYS = 1000


class S3FileStorage(S3Storage):  # type: ignore[misc]
    """Files in a bucket."""

    def pieces(self, key: str, part: range | None = None) -> Iterator[bytes]:
        return begun(self._read(key, part))

    def delete_many(self, keys: Sequence[str]) -> None:
        for start in range(0, len(keys), MOST_KEYS):
            some = keys[start : start + MOST_KEYS]
            names = [{"Key": self._normalize_name(key)} for key in some]
            with _trouble_as_os_error():
                answer = self.bucket.delete_objects(Delete={"Objects": names, "Quiet": True})
            if answer.get("Errors"):
                raise OSError(f"{len(answer['Errors'])} files could not be deleted")

    def walk(self, folder: str) -> Iterator[StoredFile]:
        pages = self.connection.meta.client.get_paginator("list_objects_v2")
        prefix = f"{self._normalize_name(folder)}/"
        with _trouble_as_os_error():
            for page in pages.paginate(Bucket=self.bucket_name, Prefix=prefix):
                for found in page.get("Contents", ()):
                    yield StoredFile(found["Key"], found["LastModified"])

    def _read(self, key: str, part: range | None) -> Iterator[bytes]:
        # Django's way to open a file takes all of it into memory first.
        found = self.bucket.Object(self._normalize_name(key))
        asked = {} if part is None else {"Range": f"bytes={part.start}-{part.stop - 1}"}
        with _trouble_as_os_error(), closing(found.get(**asked)["Body"]) as body:
            yield from body.iter_chunks(PIECE_BYTES)


@contextmanager
def _trouble_as_os_error() -> Iterator[None]:
    """Raise for a bucket what a disk would: callers tell a store that is away by it."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            raise FileNotFoundError from error
        raise OSError(str(error)) from error
    except BotoCoreError as error:
        raise OSError(str(error)) from error
