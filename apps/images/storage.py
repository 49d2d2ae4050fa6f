"""Where the files of pictures lie."""

import os
import tempfile
import uuid
from pathlib import Path

from django.core.files import File
from django.core.files.storage import FileSystemStorage

THUMBNAIL_SIZES = (256, 512)


def image_key(*, user_id: uuid.UUID, image_name: uuid.UUID) -> str:
    """Return the storage key of a picture's PNG."""
    return f"users/{user_id}/images/{image_name}.png"


def thumbnail_key(*, user_id: uuid.UUID, image_name: uuid.UUID, size: int = 256) -> str:
    """Return the storage key of a picture's WebP thumbnail of at most `size` pixels a side."""
    suffix = "" if size == THUMBNAIL_SIZES[0] else f"_{size}"
    return f"users/{user_id}/images/thumbnails/{image_name}{suffix}.webp"


def file_keys(*, user_id: uuid.UUID, image_name: uuid.UUID) -> list[str]:
    """Return the keys of every file that a picture has."""
    return [
        image_key(user_id=user_id, image_name=image_name),
        *(
            thumbnail_key(user_id=user_id, image_name=image_name, size=size)
            for size in THUMBNAIL_SIZES
        ),
    ]


class AtomicFileSystemStorage(FileSystemStorage):
    """Files under a directory, each complete or absent whenever the process or machine stops.

    As S3 does: a key has its whole old content or its whole new one, never half a file.
    """

    def _save(self, name: str, content: File[bytes]) -> str:
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".incomplete-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return name
