"""A file server on loopback that can misbehave in every way that a test asks for."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FileServer:
    """Serves `files` with ETag and Range; `acts` answer for their paths instead."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.acts: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        # So many bytes of a body are sent before the connection is cut; once, then no more.
        self.cut_after: int | None = None
        self.is_ranged = True
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.requests.append((self.path, dict(self.headers.items())))
                path = self.path.partition("?")[0]
                if path in server.acts:
                    server.acts[path](self)
                else:
                    server.serve(self, path)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Keep quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Keep quiet: clients leave in the middle here."""

        self.listener = Server(("127.0.0.1", 0), Handler)
        self.port = self.listener.server_port
        self._thread = threading.Thread(target=self.listener.serve_forever, daemon=True)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        return f"http://{self.host}{path}"

    def serve(self, handler: BaseHTTPRequestHandler, path: str) -> None:
        content = self.files.get(path)
        if content is None:
            handler.send_error(404)
            return
        etag = f'"{hash(content) & 0xFFFFFFFF:x}"'
        start = 0
        asked = handler.headers.get("Range", "")
        if self.is_ranged and asked and handler.headers.get("If-Range", etag) == etag:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        handler.send_response(206 if start else 200)
        handler.send_header("ETag", etag)
        handler.send_header("Content-Length", str(len(content) - start))
        if start:
            span = f"bytes {start}-{len(content) - 1}/{len(content)}"
            handler.send_header("Content-Range", span)
        handler.end_headers()
        if self.cut_after is None:
            handler.wfile.write(content[start:])
            return
        handler.wfile.write(content[start : start + self.cut_after])
        self.cut_after = None
        handler.close_connection = True
        handler.wfile.flush()
        handler.connection.close()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.listener.shutdown()
        self.listener.server_close()
        self._thread.join()


@contextmanager
def file_server() -> Iterator[FileServer]:
    server = FileServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def redirect_to(place: str, status: int = 302) -> Callable[[BaseHTTPRequestHandler], None]:
    def act(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Location", place)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return act


def answer(
    content: bytes, *, status: int = 200, pause: float = 0.0, times: int = 1, **headers: str
) -> Callable[[BaseHTTPRequestHandler], None]:
    """Send `content` so many times with a pause between, under headers that may lie."""

    def act(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.close_connection = True
        for _time in range(times):
            handler.wfile.write(content)
            handler.wfile.flush()
            time.sleep(pause)

    return act
