"""The product with static files as production serves them: hashed and compressed."""

import os
from pathlib import Path

from config.settings.benchmark import *  # noqa: F403
from config.settings.benchmark import STORAGES

STORAGES = STORAGES | {
    "staticfiles": {"BACKEND": "config.static_files.HashedStaticFilesStorage"},
}
STATIC_ROOT = Path(os.environ["EASEL_BENCH_STATIC_ROOT"])
