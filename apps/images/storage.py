"""Where the files of pictures lie."""

import uuid

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


def archive_key(*, user_id: uuid.UUID, archive_id: uuid.UUID) -> str:
    """Return the storage key of an archive's zip."""
    return f"users/{user_id}/archives/{archive_id}.zip"
