"""Where the files of trainings lie."""

import re
import uuid

from apps.core.storage import UUID_PATTERN

# Whose it is, and its name.
CHECKPOINT_PATTERN = re.compile(
    rf"users/({UUID_PATTERN})/training/{UUID_PATTERN}/checkpoints/({UUID_PATTERN})\.safetensors"
)
SAMPLE_PATTERN = re.compile(
    rf"users/({UUID_PATTERN})/training/{UUID_PATTERN}/samples/({UUID_PATTERN})\.png"
)


def checkpoint_key(*, user_id: uuid.UUID, run_id: uuid.UUID, name: uuid.UUID) -> str:
    """Return the storage key of a checkpoint."""
    return f"users/{user_id}/training/{run_id}/checkpoints/{name}.safetensors"


def sample_key(*, user_id: uuid.UUID, run_id: uuid.UUID, name: uuid.UUID) -> str:
    """Return the storage key of a sample picture."""
    return f"users/{user_id}/training/{run_id}/samples/{name}.png"
