"""Limits that hold for every model, whatever its family."""

MAX_PROMPT_LENGTH = 2000
MAX_STEPS = 100
MAX_IMAGES = 4
MAX_GUIDANCE = 30.0
MAX_SEED = 2**32 - 1
SIZE_MULTIPLE = 8
