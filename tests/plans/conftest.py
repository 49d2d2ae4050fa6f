"""What the tests of plans share."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.plans.clock import Clock
from tests.plans.mail_server import MailServer


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Noon of 4 May 2027, until the test moves it."""
    return Clock(monkeypatch)


@pytest.fixture
def mail_server(settings: Any) -> Iterator[MailServer]:
    """A mail server, and settings under which mails go there."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_USE_TLS = False
    settings.EMAIL_HOST_USER = ""
    with MailServer() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        yield server
