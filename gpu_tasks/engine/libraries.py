"""Import torch, transformers and diffusers the way a worker needs them: offline and silent.

Every other module here that needs one of them takes it from this one, so that the switches are
set before the first import of the libraries that read them only once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
# The engine encodes one prompt at a time; a pool of threads would only quarrel with torch's.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import diffusers
import torch
import transformers

# Their warnings quote prompts, which must not reach a log.
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
diffusers.utils.logging.set_verbosity_error()
diffusers.utils.logging.disable_progress_bar()

LIBRARY_VERSIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "torch": str(torch.__version__),
        "diffusers": str(diffusers.__version__),
        "transformers": str(transformers.__version__),
    }
)

# While they load, the libraries put functions of their own in the place of torch's, for the whole
# process; two loads that overlap may leave them there. Whoever loads anything holds this.
PATCHING: Final = threading.RLock()

__all__ = ["LIBRARY_VERSIONS", "PATCHING", "diffusers", "torch", "transformers"]
