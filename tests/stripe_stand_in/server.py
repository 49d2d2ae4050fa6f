"""The server: the API, the pages, and the control of tests, on loopback alone."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from tests.stripe_stand_in import control, pages
from tests.stripe_stand_in.errors import ApiError
from tests.stripe_stand_in.state import new_id

if TYPE_CHECKING:
    from tests.stripe_stand_in.stand_in import StripeStandIn


class _Handler(BaseHTTPRequestHandler):
    stand_in: "StripeStandIn"

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def log_message(self, *arguments: Any) -> None:
        pass

    def _answer(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        path = self.path.partition("?")[0]
        if path.startswith(("/v1/", "/v2/")):
            self._answer_api(method, body)
        elif path.startswith("/_control/"):
            status, answer = control.answer(self.stand_in, method, path, self._is_json(), body)
            self._send(status, json.dumps(answer), "application/json")
        else:
            self._answer_page(method, path, dict(parse_qsl(body)))

    def _is_json(self) -> bool:
        return self.headers.get_content_type() == "application/json"

    def _answer_api(self, method: str, body: str) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = self.stand_in.api.answer(method, self.path, headers, body)
        more = {"Request-Id": new_id("req")}
        if seen.idempotency_key:
            more["Idempotency-Key"] = seen.idempotency_key
        if seen.is_replay:
            more["Idempotent-Replayed"] = "true"
        self._send(seen.status, json.dumps(seen.answer, indent=2), "application/json", more)

    def _answer_page(self, method: str, path: str, form: dict[str, str]) -> None:
        language = self.headers.get("Accept-Language", "en")
        try:
            shown = pages.answer(self.stand_in, method, path, form, language)
        except ApiError as error:
            self._send(error.status, f"{error}\n", "text/plain")
            return
        if shown.location:
            self._send(303, "", "text/html", {"Location": shown.location})
        else:
            self._send(shown.status, shown.html, "text/html")

    def _send(self, status: int, text: str, kind: str, more: dict[str, str] | None = None) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Server:
    def __init__(self, stand_in: "StripeStandIn", port: int) -> None:
        handler = type("Handler", (_Handler,), {"stand_in": stand_in})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
