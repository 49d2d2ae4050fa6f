"""A clock that a test sets."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone


class Clock:
    """What `timezone.now` says from now on; PostgreSQL goes by its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = datetime(2027, 5, 4, 12, tzinfo=UTC)
        monkeypatch.setattr(timezone, "now", self._read)

    def _read(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)
