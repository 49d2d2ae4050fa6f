"""CloudFront as its documentation describes it, on loopback with TLS.

Below `/images/` it asks for a signed address or signed cookies, checks policy and signature by
the public key, takes `/images` off and fetches from the bucket. All else goes to the web process.
It has a key group alone, and shares no line with the code that signs.
"""

import base64
import fnmatch
import http.client
import ipaddress
import json
import re
import ssl
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from cryptography.x509.oid import NameOID

_NAMES = ("Policy", "Signature", "Key-Pair-Id", "Expires")
# What belongs to one connection and is not handed on.
_HOP_HEADERS = {"connection", "transfer-encoding", "keep-alive", "date", "server"}


class RefusedError(Exception):
    """A request for a picture without the right to it."""


def new_private_key(bits: int = 2048) -> str:
    """Make a private key of RSA, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_half(private_pem: str) -> bytes:
    """Return the public key that CloudFront is given."""
    key = load_pem_private_key(private_pem.encode(), password=None)
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def check_right(
    url: str, cookies: Mapping[str, str], *, keys: Mapping[str, bytes], now: float
) -> None:
    """Look whether a request for `url` may be answered.

    Raises:
        RefusedError: with what is wrong.
    """
    address, _mark, query = url.partition("?")
    given = {k: v[0] for k, v in parse_qs(query).items() if k in _NAMES}
    # Its own parameters are no part of the resource.
    rest = "&".join(p for p in query.split("&") if p and p.partition("=")[0] not in _NAMES)
    resource = f"{address}?{rest}" if rest else address
    if "Signature" not in given:
        given = {n: cookies[f"CloudFront-{n}"] for n in _NAMES if f"CloudFront-{n}" in cookies}
    if given.keys() == {"Expires", "Signature", "Key-Pair-Id"}:
        policy = (
            '{{"Statement":[{{"Resource":"{}","Condition":{{"DateLessThan":'
            '{{"AWS:EpochTime":{}}}}}}}]}}'.format(resource, given["Expires"])
        ).encode()
    elif given.keys() == {"Policy", "Signature", "Key-Pair-Id"}:
        policy = _decoded(given["Policy"])
    else:
        raise RefusedError("MissingKey")
    _check_signature(policy, given, keys)
    _check_policy(policy, resource, now)


def _check_signature(policy: bytes, given: Mapping[str, str], keys: Mapping[str, bytes]) -> None:
    pem = keys.get(given["Key-Pair-Id"])
    if pem is None:
        raise RefusedError("Unknown Key")
    public = load_pem_public_key(pem)
    assert isinstance(public, rsa.RSAPublicKey)
    try:
        public.verify(_decoded(given["Signature"]), policy, padding.PKCS1v15(), SHA1())  # noqa: S303
    except InvalidSignature as error:
        raise RefusedError("Access denied") from error


def _check_policy(policy: bytes, resource: str, now: float) -> None:
    if b" " in policy:
        raise RefusedError("Malformed Policy")
    try:
        (statement,) = json.loads(policy)["Statement"]
        ends = statement["Condition"]["DateLessThan"]["AWS:EpochTime"]
        pattern = statement["Resource"]
    except (KeyError, ValueError) as error:
        raise RefusedError("Malformed Policy") from error
    # Only * and ? mean something else than themselves.
    quoted = re.sub(r"([\[\]])", r"[\1]", pattern)
    if not fnmatch.fnmatchcase(resource, quoted):
        raise RefusedError("Access denied")
    if now >= ends:
        raise RefusedError("Request has expired")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text.translate(str.maketrans("-_~", "+=/")), validate=True)
    except ValueError as error:
        raise RefusedError("Malformed") from error


class CloudFront:
    """A distribution: a bucket below `/images/`, and `web_port` for all else."""

    def __init__(
        self, *, folder: Path, port: int, bucket: Any, keys: dict[str, bytes], web_port: int = 0
    ) -> None:
        self.url = f"https://127.0.0.1:{port}"
        self.bucket = bucket
        self.keys = keys
        self.web_port = web_port
        self.clock = time.time
        # Path and status of what was asked of the bucket.
        self.answers: list[tuple[str, int]] = []
        self.certificate = folder / "cloudfront.pem"
        self.certificate.write_bytes(_self_signed())
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", port), type("Handler", (_Handler,), {"distribution": self})
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
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
        self._thread.join()
        self._server.server_close()

    def picture(self, path: str, cookies: Mapping[str, str]) -> tuple[int, str, bytes]:
        """Answer below `/images/`: status, type, content."""
        try:
            check_right(self.url + path, cookies, keys=self.keys, now=self.clock())
            key = urlsplit(path).path.removeprefix("/images/")
            found = self.bucket.Object(key).get()
            answer = (200, found["ContentType"], found["Body"].read())
        except RefusedError as refusal:
            answer = (403, "text/xml", str(refusal).encode())
        except ClientError:
            # Who may not list a bucket is not told that there is no such key.
            answer = (403, "application/xml", b"AccessDenied")
        self.answers.append((path.partition("?")[0], answer[0]))
        return answer


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection of a browser."""

    protocol_version = "HTTP/1.1"
    distribution: CloudFront

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if not self.path.startswith("/images/"):
            self._hand_on()
            return
        jar = SimpleCookie(self.headers.get("Cookie", ""))
        cookies = {name: morsel.value for name, morsel in jar.items()}
        status, kind, content = self.distribution.picture(self.path, cookies)
        headers = [("Content-Type", kind), ("Cache-Control", "max-age=31536000, immutable")]
        self._answer(status, headers if status == 200 else headers[:1], content)

    def do_POST(self) -> None:
        self._hand_on()

    def _hand_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        web = http.client.HTTPConnection("127.0.0.1", self.distribution.web_port, timeout=60)
        headers = dict(self.headers.items()) | {"Connection": "close"}
        web.request(self.command, self.path, body, headers)
        answer = web.getresponse()
        content = answer.read()
        web.close()
        self._answer(answer.status, answer.getheaders(), content)

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in _HOP_HEADERS | {"content-length"}:
                self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if status not in (204, 304):
            self.wfile.write(content)


def _self_signed() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + certificate.public_bytes(Encoding.PEM)
