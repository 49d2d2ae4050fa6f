"""Which process this is, and with which others it counts together."""

import multiprocessing
import os
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Final

# Memory of the machine, there also where the file system may not be written to.
_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108  # nosec B108  (the folder is our own)
_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"


class Role(StrEnum):
    WEB = "web"
    ADMIN = "admin"
    SCHEDULER = "scheduler"
    WORKER = "worker"


def share_counts() -> None:
    """Have the web processes of one supervisor count together, so that any can be asked for all.

    Call it before `prometheus_client` is imported, which looks at the environment then. A process
    without siblings keeps its counts to itself.

    Raises:
        PermissionError: the folder is somebody else's.
    """
    supervisor = multiprocessing.parent_process()
    if supervisor is None or _VARIABLE in os.environ:
        return
    root = _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    folder = root / f"easel-metrics-{os.getuid()}-{supervisor.pid}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} is not ours")
    _forget_gauges_of_the_dead(folder)
    os.environ[_VARIABLE] = str(folder)


def shared_folder() -> str | None:
    """Return where the counts of this process and its siblings lie; `None` without siblings."""
    return os.environ.get(_VARIABLE)


def _forget_gauges_of_the_dead(folder: Path) -> None:
    # Their counters stay: what was counted was counted.
    for file in folder.glob("gauge_live*_*.db"):
        try:
            os.kill(int(file.stem.rpartition("_")[2]), 0)
        except ProcessLookupError:
            file.unlink(missing_ok=True)
