"""What one call of a pipeline can do."""

from __future__ import annotations

from enum import StrEnum


class Task(StrEnum):
    """From nothing, from a picture, within a mask of one, or beside pictures to look at."""

    TXT2IMG = "txt2img"
    IMG2IMG = "img2img"
    INPAINT = "inpaint"
    REFERENCE = "reference"
