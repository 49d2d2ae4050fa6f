"""What the modules of a release share: clients of AWS, and time."""

import time
from typing import Any, Protocol


class Session(Protocol):
    """What makes clients: `boto3.Session`."""

    def client(self, service_name: str) -> Any:
        """Return a client of a service of AWS."""


class RealClock:
    """The time as it is."""

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
