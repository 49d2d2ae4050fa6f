"""Faults reach Sentry once, with their id, and with nothing about a user."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from django.conf import settings as django_settings
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from apps.accounts.models import User
from apps.core.sentry import start_sentry
from config import urls as project

SECRET = "secret.name@example.com"


def explode(request: HttpRequest) -> HttpResponse:
    prompt = SECRET
    raise RuntimeError(f"Key (email)=({prompt}) already exists.")


class Sent(Transport):
    """Keep what would be sent."""

    events: list[dict[str, Any]]

    def capture_envelope(self, envelope: Envelope) -> None:
        event: Any = envelope.get_event()
        if event is not None:
            Sent.events.append(event)


class WithExplosions:
    urlpatterns = (path("api/explode", explode), path("explode", explode), *project.urlpatterns)
    handler400 = staticmethod(project.handler400)
    handler403 = staticmethod(project.handler403)
    handler404 = staticmethod(project.handler404)
    handler500 = staticmethod(project.handler500)


@pytest.fixture
def sent(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """Report to a list instead of a server."""
    settings.EASEL_SENTRY_DSN = "https://key@sentry.invalid/1"
    monkeypatch.setitem(sys.modules, "tests.core.sentry_explosions", WithExplosions)
    settings.ROOT_URLCONF = "tests.core.sentry_explosions"
    Sent.events = []
    start_sentry(transport=Sent)
    yield Sent.events
    # As it was, and without what `init` would wind around Django by default.
    sentry_sdk.init(dsn=None, default_integrations=False, auto_enabling_integrations=False)


@pytest.mark.parametrize("address", ["/api/explode", "/explode"])
def test_a_fault_is_reported_once_with_the_id_the_user_sees(
    address: str, sent: list[dict[str, Any]], user: User
) -> None:
    client = Client(raise_request_exception=False, REMOTE_ADDR="203.0.113.77")
    client.force_login(user)
    response = client.get(f"{address}?q={SECRET}", HTTP_USER_AGENT="A browser")

    assert response.status_code == 500
    assert len(sent) == 1
    tags = sent[0]["tags"]
    assert tags["error_id"] in response.content.decode()
    assert tags["code"] == "internal"
    assert [e["type"] for e in sent[0]["exception"]["values"]] == ["RuntimeError"]
    assert sent[0]["exception"]["values"][0]["stacktrace"]["frames"][-1]["function"] == "explode"


def test_nothing_about_a_user_is_sent(sent: list[dict[str, Any]], user: User) -> None:
    client = Client(raise_request_exception=False, REMOTE_ADDR="203.0.113.77")
    client.force_login(user)
    session = client.session.session_key or ""
    client.get(f"/explode?q={SECRET}", HTTP_USER_AGENT="A browser")

    text = json.dumps(sent[0], default=str)
    for private in (SECRET, user.email, str(user.pk), session, "203.0.113.77", "A browser"):
        assert private not in text
    assert set(sent[0]) <= {
        *("event_id", "timestamp", "level", "platform", "exception", "tags", "release", "sdk")
    }


@pytest.mark.django_db
def test_faults_of_users_are_not_reported(sent: list[dict[str, Any]]) -> None:
    Client().get("/nothing-here")
    Client().get("/api/v1/models")

    assert sent == []


def test_without_a_dsn_the_library_is_not_loaded() -> None:
    code = (
        "import django, sys; django.setup(); import config.urls; "
        "sys.exit('sentry_sdk' in sys.modules)"
    )
    environment = {
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "EASEL_DATABASE_URL": "postgresql:///nobody-connects",
        "EASEL_REDIS_URL": "redis://127.0.0.1:1/0",
    }
    subprocess.run(
        [sys.executable, "-c", code], cwd=django_settings.BASE_DIR, env=environment, check=True
    )
