"""Where the files of canvases lie."""

import re
import uuid

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# Whose it is, and its name.
FILE_PATTERN = re.compile(rf"users/({_UUID})/canvases/{_UUID}/({_UUID})\.png")


def file_key(*, user_id: uuid.UUID, document_id: uuid.UUID, name: uuid.UUID) -> str:
    """Return the storage key of a layer's pixels, or of a preview."""
    return f"users/{user_id}/canvases/{document_id}/{name}.png"
