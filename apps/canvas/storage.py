"""Where the files of canvases lie."""

import re
import uuid

from apps.core.storage import UUID_PATTERN

# Whose it is, and its name.
FILE_PATTERN = re.compile(rf"users/({UUID_PATTERN})/canvases/{UUID_PATTERN}/({UUID_PATTERN})\.png")


def file_key(*, user_id: uuid.UUID, document_id: uuid.UUID, name: uuid.UUID) -> str:
    """Return the storage key of a layer's pixels, or of a preview."""
    return f"users/{user_id}/canvases/{document_id}/{name}.png"
