"""Exit with 0 if the threads of this container's worker run: it marks a file at each sign of life.

The file is marked before the database is asked, so that a worker is not ended because the
database is away; one that hears nothing of its broker ends by itself.
"""

import sys
import time

from config import env

# A worker is heard of every 5 s; loading a model can hold a process up for a while.
SILENT_AFTER_SECONDS = 120


def main() -> int:
    """Compare the age of the mark with what is usual."""
    if env.HEARTBEAT_PATH is None:
        return 0
    try:
        age = time.time() - env.HEARTBEAT_PATH.stat().st_mtime
    except FileNotFoundError:
        return 1
    return 0 if age < SILENT_AFTER_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
