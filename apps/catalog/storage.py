"""Where the files of models lie in the file store."""

import re
import uuid

# Below both: weights in the layout of their family, with "/" between folders.
SHARED_FOLDER = "models/shared"
USERS_FOLDER = "models/users"

_MOST_PATH = 200
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+ ()-]{0,127}")


def model_folder(*, user_id: uuid.UUID | None, base: str, key: str) -> str:
    """Return the key below which the files of a model lie: a user's own, or a shared one."""
    if user_id is not None:
        return f"{USERS_FOLDER}/{user_id}/{key}"
    return f"{SHARED_FOLDER}/{base or 'any'}/{key}"


def is_safe_path(path: str) -> bool:
    """Say whether a name of a model's file stays within its folder, on a disk and in a store."""
    parts = path.split("/")
    return len(path) <= _MOST_PATH and all(_PART.fullmatch(part) for part in parts)
