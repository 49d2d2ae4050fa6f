"""A stand-in of the image APIs of OpenAI and Stability AI: real HTTP on loopback.

It answers as they do, by their rules of sign-in, sizes and words; what it is scripted to do with
the next calls comes before that. `python -m tests.providers.stand_in` serves it by hand.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image

OPENAI_KEY = "sk-proj-house-of-the-stand-in-0001"
STABILITY_KEY = "sk-house-of-the-stand-in-0002"
OPENAI_SIZES = {"1024x1024", "1536x1024", "1024x1536"}
RATIOS = {
    "1:1": (1024, 1024),
    "16:9": (1344, 768),
    "21:9": (1536, 640),
    "2:3": (832, 1216),
    "3:2": (1216, 832),
    "4:5": (896, 1088),
    "5:4": (1088, 896),
    "9:16": (768, 1344),
    "9:21": (640, 1536),
}
FORBIDDEN_WORD = "forbidden"


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes over the wire; `drip` are seconds between its pieces, `head_drip` of its head."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    drip: float = 0.0
    head_drip: float = 0.0


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it came in."""

    path: str
    key: str
    fields: Mapping[str, str]
    files: Mapping[str, tuple[bytes, ...]]
    headers: Mapping[str, str] = field(default_factory=dict)


Behaviour = Callable[[Call, Answer], Answer | None]


class StandIn:
    """Both providers at one address; `calls` are those that asked for pictures."""

    def __init__(self) -> None:
        self.keys = {OPENAI_KEY, STABILITY_KEY}
        self.empty_keys: set[str] = set()
        self.calls: list[Call] = []
        self.made = 0
        self.script: deque[Behaviour] = deque()
        # What is done with questions whether a key is good.
        self.on_check: Behaviour = _as_usual
        self.let_go = threading.Event()
        self.held = threading.Event()
        self._lock = threading.Lock()
        self.url = ""

    @property
    def openai_url(self) -> str:
        return f"{self.url}/v1"

    def then(self, *behaviours: Behaviour) -> None:
        """Do these with the next calls that ask for pictures, one with each."""
        self.script.extend(behaviours)

    def hold(self, call: Call, answer: Answer) -> Answer:
        """Keep the caller waiting until `let_go` is set; a behaviour."""
        del call
        self.held.set()
        self.let_go.wait(60)
        return answer

    def answer(self, call: Call) -> Answer | None:
        """Answer a call; `None` breaks the connection off."""
        if call.path == "/v1/user/balance":
            return self.on_check(call, self._refused_key(call) or _json(200, {"credits": 100}))
        if call.path == "/v1/models":
            listed = _json(200, {"object": "list", "data": []})
            return self.on_check(call, self._refused_key(call) or listed)
        makers = {
            "/v1/images/generations": self._openai,
            "/v1/images/edits": self._openai,
            "/v2beta/stable-image/generate/core": self._stability,
            "/v2beta/stable-image/generate/ultra": self._stability,
            "/v2beta/stable-image/generate/sd3": self._stability,
        }
        if call.path not in makers:
            return _json(404, {"error": {"message": "no such place", "code": "not_found"}})
        usual = self._refused_key(call) or makers[call.path](call)
        with self._lock:
            self.calls.append(call)
            behaviour = self.script.popleft() if self.script else None
        return usual if behaviour is None else behaviour(call, usual)

    def _refused_key(self, call: Call) -> Answer | None:
        is_openai = call.path.startswith(("/v1/images", "/v1/models"))
        if call.key not in self.keys:
            if is_openai:
                return _openai_error(401, "invalid_api_key", f"Incorrect API key: {call.key}")
            return _json(401, {"id": "x", "name": "unauthorized", "errors": ["missing key"]})
        if call.key in self.empty_keys and "/user/" not in call.path and "models" not in call.path:
            if is_openai:
                return _openai_error(429, "insufficient_quota", "You exceeded your current quota")
            return _json(402, {"id": "x", "name": "payment_required", "errors": ["no credits"]})
        return None

    def _openai(self, call: Call) -> Answer:
        fields = call.fields
        if FORBIDDEN_WORD in fields["prompt"]:
            return _openai_error(400, "moderation_blocked", "Rejected by the safety system")
        if fields.get("size") not in OPENAI_SIZES or fields.get("quality") not in {
            *("low", "medium", "high"),
        }:
            return _openai_error(400, "invalid_value", "Invalid value")
        if call.path.endswith("edits") and not _are_files_right(call):
            return _openai_error(400, "invalid_image_file", "The mask must fit the image")
        width, height = map(int, fields["size"].split("x"))
        count = int(fields.get("n", "1"))
        pictures = [self._picture(fields["prompt"], width, height, n) for n in range(count)]
        data = [{"b64_json": base64.b64encode(one).decode()} for one in pictures]
        return _json(200, {"created": int(time.time()), "data": data}, {"x-request-id": "req_1"})

    def _stability(self, call: Call) -> Answer:
        fields = call.fields
        if FORBIDDEN_WORD in fields["prompt"]:
            return _json(403, {"id": "x", "name": "content_moderation", "errors": ["flagged"]})
        start = call.files.get("image")
        if fields.get("output_format") != "png" or not (
            start or fields.get("aspect_ratio") in RATIOS
        ):
            return _json(400, {"id": "x", "name": "bad_request", "errors": ["aspect_ratio"]})
        if start:
            with Image.open(io.BytesIO(start[0])) as picture:
                width, height = picture.size
        else:
            width, height = RATIOS[fields["aspect_ratio"]]
        body = self._picture(fields["prompt"] + fields.get("seed", ""), width, height, 0)
        headers = {"Content-Type": "image/png", "finish-reason": "SUCCESS"}
        return Answer(200, body, headers | {"seed": fields.get("seed", "0")})

    def _picture(self, prompt: str, width: int, height: int, number: int) -> bytes:
        with self._lock:
            self.made += 1
        digest = hashlib.sha256(f"{prompt}/{number}".encode()).digest()
        return png(width, height, (digest[0], digest[1], digest[2]))


def _as_usual(call: Call, usual: Answer) -> Answer:
    del call
    return usual


def status(code: int, name: str = "", **headers: str) -> Behaviour:
    """Answer with a status, in the words of whoever is asked."""

    def answer(call: Call, usual: Answer) -> Answer:
        del usual
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        if call.path.startswith("/v1/"):
            return _openai_error(code, name or "some_error", "something", sent)
        return _json(code, {"id": "x", "name": name or "some_error", "errors": ["x"]}, sent)

    return answer


def body(data: bytes, **headers: str) -> Behaviour:
    """Send other bytes as the picture, or as the picture of OpenAI's JSON."""

    def answer(call: Call, usual: Answer) -> Answer:
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        if call.path.startswith("/v1/"):
            return _json(200, {"data": [{"b64_json": base64.b64encode(data).decode()}]}, sent)
        return Answer(200, data, dict(usual.headers) | sent)

    return answer


def raw(data: bytes) -> Behaviour:
    """Send other bytes as the whole body."""
    return lambda _call, usual: Answer(200, data, usual.headers)


def dripping(seconds: float) -> Behaviour:
    """Send the answer in small pieces."""
    return lambda _call, usual: Answer(usual.status, usual.body, usual.headers, drip=seconds)


def dripping_head(seconds: float) -> Behaviour:
    """Send the headers of the answer letter by letter."""
    return lambda _call, usual: Answer(usual.status, usual.body, usual.headers, head_drip=seconds)


def broken_off(call: Call, usual: Answer) -> None:
    """Close the connection without a word."""


def png(width: int, height: int, colour: tuple[int, int, int] = (200, 30, 30)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, format="PNG")
    return buffer.getvalue()


def _are_files_right(call: Call) -> bool:
    pictures, masks = call.files.get("image", call.files.get("image[]", ())), call.files.get("mask")
    if not pictures:
        return False
    if masks is None:
        return True
    with Image.open(io.BytesIO(masks[0])) as mask, Image.open(io.BytesIO(pictures[0])) as first:
        return mask.mode == "RGBA" and mask.size == first.size


def _openai_error(
    code: int, name: str, message: str, headers: Mapping[str, str] | None = None
) -> Answer:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": name}
    return _json(code, {"error": error}, headers)


def _json(code: int, value: Any, headers: Mapping[str, str] | None = None) -> Answer:
    sent = {"Content-Type": "application/json"} | dict(headers or {})
    return Answer(code, json.dumps(value).encode(), sent)


def _read(handler: BaseHTTPRequestHandler) -> Call:
    length = int(handler.headers.get("Content-Length", 0))
    data = handler.rfile.read(length)
    kind = handler.headers.get("Content-Type", "")
    key = handler.headers.get("Authorization", "").removeprefix("Bearer ")
    fields: dict[str, str] = {}
    files: dict[str, tuple[bytes, ...]] = {}
    if kind.startswith("application/json") and data:
        fields = {name: str(value) for name, value in json.loads(data).items()}
    elif kind.startswith("multipart/form-data"):
        whole = b"Content-Type: " + kind.encode() + b"\r\n\r\n" + data
        for part in BytesParser(policy=HTTP).parsebytes(whole).iter_parts():
            name = str(part.get_param("name", header="content-disposition"))
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            if part.get_filename() is None:
                fields[name] = content.decode()
            else:
                files[name] = (*files.get(name, ()), content)
    return Call(
        path=handler.path.partition("?")[0],
        key=key,
        fields=fields,
        files=files,
        headers={name.lower(): value for name, value in handler.headers.items()},
    )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        answer = self.server.stand_in.answer(_read(self))
        if answer is None:
            self.close_connection = True
            return
        try:
            self._send(answer)
        except OSError:
            # Whoever asked has had enough.
            self.close_connection = True

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        if answer.head_drip:
            self.flush_headers()
            self.wfile.write(b"X-Slow: ")
            for _ in range(200):
                self.wfile.write(b"a")
                time.sleep(answer.head_drip)
            self.wfile.write(b"\r\n")
        self.end_headers()
        size = 1024 if answer.drip else max(len(answer.body), 1)
        for start in range(0, len(answer.body), size):
            self.wfile.write(answer.body[start : start + size])
            self.wfile.flush()
            if answer.drip:
                time.sleep(answer.drip)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, stand_in: StandIn) -> None:
        self.stand_in = stand_in
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: callers that give up are what is tested."""


@contextmanager
def serving(port: int = 0) -> Iterator[StandIn]:
    """Serve a stand-in on loopback for the time of the block."""
    stand_in = StandIn()
    server = _Server(port, stand_in)
    stand_in.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        stand_in.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8098)
    with serving(parser.parse_args().port) as stand_in:
        for name, value in (
            ("EASEL_OPENAI_API_KEY", OPENAI_KEY),
            ("EASEL_OPENAI_URL", stand_in.openai_url),
            ("EASEL_STABILITY_API_KEY", STABILITY_KEY),
            ("EASEL_STABILITY_URL", stand_in.url),
        ):
            sys.stdout.write(f"{name}={value}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
