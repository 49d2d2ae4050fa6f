"""Someone who uses a production-like run: through nginx by TLS, signed in at the provider."""

import json
import ssl
import threading
import time
import uuid
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import httpx
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from config.local.production_like.machine import State
from tests.stack import wait_until

# Small pictures, since there are two cores for everything.
QUICK = {"steps": 4, "width": 64, "height": 64}
LONG = {"steps": 100, "width": 256, "height": 256}
ENDED = {"succeeded", "failed", "cancelled"}
PATIENCE_SECONDS = 300.0


class Visitor:
    """Someone signed in; close it after use."""

    def __init__(self, state: State, subject: str) -> None:
        self.state = state
        self.trust = ssl.create_default_context(cafile=state.authority)
        self.http = httpx.Client(
            base_url=state.url, verify=self.trust, timeout=120, headers={"Referer": state.url}
        )
        self._sign_in(subject)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.http.close()

    def _sign_in(self, subject: str) -> None:
        start = self.http.get("/accounts/oidc/start/")
        assert start.status_code == 302, start.text
        page = self.http.post(start.headers["Location"], data={"sub": subject})
        assert page.status_code == 302, page.text
        back = self.http.get(page.headers["Location"])
        assert back.status_code == 302, back.text
        assert self.http.get("/create/").status_code == 200
        self.http.headers["X-CSRFToken"] = self.http.cookies["csrftoken"]

    def ask(self, **settings: Any) -> str:
        """Ask for a picture and return its job's id."""
        answer = self.http.post(
            "/api/v1/generations",
            json={"prompt": "a red circle on a white background", **QUICK, **settings},
            headers={"Idempotency-Key": str(uuid.uuid4())},
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def job(self, job_id: str) -> dict[str, Any]:
        answer = self.http.get(f"/api/v1/generations/{job_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def wait_for_end(self, *job_ids: str) -> None:
        """Wait until the jobs have ended, through whatever happens to what answers meanwhile."""
        wait_until(
            lambda: all(self._has_ended(job_id) for job_id in job_ids),
            seconds=PATIENCE_SECONDS,
            what=f"the end of {len(job_ids)} jobs",
        )

    def wait_for_start(self, job_id: str) -> None:
        wait_until(
            lambda: self.job(job_id)["state"] == "running",
            seconds=PATIENCE_SECONDS,
            what="the start of the job",
        )

    def _has_ended(self, job_id: str) -> bool:
        time.sleep(0.2)
        with suppress(httpx.TransportError):
            answer = self.http.get(f"/api/v1/generations/{job_id}")
            return answer.status_code == 200 and answer.json()["state"] in ENDED
        return False

    def cookie_header(self) -> str:
        return f"sessionid={self.http.cookies['sessionid']}"


class Listener:
    """A page's socket in a thread: it comes back after each end, saying how far it had come."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self.events: list[dict[str, Any]] = []
        self.cursor = ""
        self.connections = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: bool(self.events), seconds=60, what="the first event")
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join(timeout=30)

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in list(self.events) if event["type"] == kind]

    def _listen(self) -> None:
        address = self.visitor.state.url.replace("https", "wss")
        while not self._ended.is_set():
            with (
                suppress(ConnectionClosed, InvalidStatus, OSError, TimeoutError),
                connect(
                    f"{address}/ws/v1/events?cursor={self.cursor}",
                    ssl=self.visitor.trust,
                    origin=Origin(self.visitor.state.url),
                    additional_headers={"Cookie": self.visitor.cookie_header()},
                    max_size=None,
                ) as socket,
            ):
                self.connections += 1
                self._read(socket)
            self._ended.wait(0.2)

    def _read(self, socket: Any) -> None:
        while not self._ended.is_set():
            with suppress(TimeoutError):
                event = json.loads(socket.recv(timeout=0.5))
                self.cursor = event.get("cursor") or self.cursor
                self.events.append(event)
