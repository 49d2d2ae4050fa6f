"""The looks of a release from outside, on a web process of the product and on a bad one."""

import http.server
import json
import threading
from collections.abc import Iterator

import pytest

from apps.accounts.credentials import SESSION
from apps.accounts.models import Scope, User
from apps.accounts.services.keys import create_key
from apps.catalog.models import GenerationModel
from apps.credits.selectors import read_balance
from apps.images.models import Image
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from apps.plans.tiers import TIERS, GpuTier
from config.release.__main__ import KEY_VARIABLE, main
from config.release.journey import Journey
from config.release.plan import ReleaseError
from config.release.smoke import Smoke
from config.version import VERSION
from tests.database import session_database_url
from tests.stack import Stack

pytestmark = pytest.mark.slow


@pytest.fixture
def stack(transactional_db: None, starter: GenerationModel) -> Iterator[Stack]:
    with Stack({"EASEL_DATABASE_URL": session_database_url(), "EASEL_SWEEP_SECONDS": "0.5"}) as it:
        it.start_web()
        yield it


def test_a_process_that_is_well_passes_every_look(stack: Stack) -> None:
    looks = Smoke(stack.url, version=VERSION).run()

    assert [(one.name, one.found) for one in looks if not one.ok] == []
    assert len(looks) == 6
    assert main(["smoke", stack.url, "--version", VERSION]) == 0


def test_another_version_is_not_taken_for_ours(stack: Stack) -> None:
    version = Smoke(stack.url, version="99.0.0").run()[0]

    assert not version.ok
    assert version.found == f"LookupError: 99.0.0 is wanted and {VERSION} answers"
    assert main(["smoke", stack.url, "--version", "99.0.0"]) == 1


@pytest.fixture
def secret(user: User) -> str:
    """Make a key that may do everything, of a user whose plan lets keys in."""
    start_subscription(user=user, plan=PLANS["pro"])
    return create_key(user=user, granter=SESSION, name="release", scopes=tuple(Scope))[1]


class Bad(http.server.BaseHTTPRequestHandler):
    """Answers everything with 200, to anybody, and says nothing about security."""

    def do_GET(self) -> None:
        body = json.dumps({"version": VERSION, "parts": {}}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        del format, args


def test_control_a_server_that_only_answers_does_not_pass() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bad) as server:
        threading.Thread(target=server.serve_forever).start()
        looks = Smoke(f"http://127.0.0.1:{server.server_port}", version=VERSION).run()
        server.shutdown()

    assert {one.name for one in looks if one.ok} == {"version", "ready"}


def test_nobody_there_is_told_and_not_thrown() -> None:
    looks = Smoke("http://127.0.0.1:9").run()

    assert not any(one.ok for one in looks)
    assert looks[0].found.startswith("ConnectionError")


def test_a_picture_is_made_fetched_and_removed(
    stack: Stack, user: User, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.start_worker(queues=TIERS[GpuTier.HIGH_PERFORMANCE].queue)
    stack.start_scheduler()
    before = read_balance(user_id=user.id).available

    found = Journey(stack.url, key=secret, poll_seconds=0.2).run(seconds=200)

    assert found["bytes"] > 1000
    assert 0 < before - read_balance(user_id=user.id).available <= found["quoted"]
    assert not Image.objects.filter(user=user, deleted_at=None).exists()
    monkeypatch.setenv(KEY_VARIABLE, "ek_wrong")
    assert main(["e2e", stack.url]) == 1


def test_a_job_that_nobody_takes_is_cancelled_and_told(
    stack: Stack, user: User, secret: str
) -> None:
    before = read_balance(user_id=user.id)

    with pytest.raises(ReleaseError, match="is still queued after 1 s"):
        Journey(stack.url, key=secret, poll_seconds=0.2).run(seconds=1)

    assert read_balance(user_id=user.id) == before
