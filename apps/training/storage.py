"""Where the files of trainings lie."""

import re
import uuid

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# Whose it is, and its name.
CHECKPOINT_PATTERN = re.compile(
    rf"users/({_UUID})/training/{_UUID}/checkpoints/({_UUID})\.safetensors"
)
SAMPLE_PATTERN = re.compile(rf"users/({_UUID})/training/{_UUID}/samples/({_UUID})\.png")


def checkpoint_key(*, user_id: uuid.UUID, run_id: uuid.UUID, name: uuid.UUID) -> str:
    """Return the storage key of a checkpoint."""
    return f"users/{user_id}/training/{run_id}/checkpoints/{name}.safetensors"


def sample_key(*, user_id: uuid.UUID, run_id: uuid.UUID, name: uuid.UUID) -> str:
    """Return the storage key of a sample picture."""
    return f"users/{user_id}/training/{run_id}/samples/{name}.png"
