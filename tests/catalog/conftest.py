"""What tests of installs start from."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.catalog.installs import downloads, making
from tests.catalog.file_server import FileServer, file_server


@pytest.fixture
def server(settings: Any) -> Iterator[FileServer]:
    """A server on loopback that may be fetched from, and that is the model hub too."""
    with file_server() as running:
        settings.EASEL_FETCH_PLAIN_HOSTS = frozenset({running.host})
        settings.EASEL_HUB_URL = running.url("")
        yield running


@pytest.fixture
def install_folder(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where installs are put together; they tell of every piece, and try again at once."""
    settings.EASEL_INSTALL_DIRECTORY = tmp_path / "installs"
    monkeypatch.setattr(making, "PROGRESS_SECONDS", 0.0)
    monkeypatch.setattr(downloads, "FIRST_PAUSE_SECONDS", 0.0)
    return tmp_path / "installs"
