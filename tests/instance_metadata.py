"""A stand-in of EC2's instance metadata, version 2, on loopback."""

import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

ACTION = "/latest/meta-data/spot/instance-action"
REBALANCE = "/latest/meta-data/events/recommendations/rebalance"


class InstanceMetadata:
    """Answers 404 until `answers` has a body for a path, and 401 without its present token."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.token = secrets.token_hex(8)
        self.tokens_given = 0
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def interrupt(self) -> None:
        """Give the notice that comes two minutes before the end."""
        self.answers[ACTION] = {"action": "terminate", "time": "2026-11-26T08:22:00Z"}

    def recommend_rebalance(self) -> None:
        self.answers[REBALANCE] = {"noticeTime": "2026-11-26T08:20:00Z"}


def _handler(metadata: InstanceMetadata) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            if self.path != "/latest/api/token" or not self.headers.get(
                "X-aws-ec2-metadata-token-ttl-seconds"
            ):
                return self._answer(400, "")
            metadata.tokens_given += 1
            return self._answer(200, metadata.token)

        def do_GET(self) -> None:
            if self.headers.get("X-aws-ec2-metadata-token") != metadata.token:
                return self._answer(401, "")
            metadata.asked.append(self.path)
            answer = metadata.answers.get(self.path)
            return self._answer(*((404, "") if answer is None else (200, json.dumps(answer))))

        def _answer(self, status: int, body: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_words: object) -> None:
            return

    return Handler
