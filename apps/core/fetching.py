"""Fetch what a URL of somebody unknown names, without being led into our own network.

Such URLs are hostile. Only https, to the standard port. The name is looked up once, every address
of it has to be one that all the world can reach, and the connection goes to the address that was
looked at, with the name in TLS and `Host` alone, so that a second answer of the name server never
counts. Redirects are followed here, each of them under the same checks. Size, time and least speed
are limited by a thread that cuts the connection, whatever the other side sends or does not send.
"""

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from urllib.parse import urljoin

import certifi
from django.conf import settings
from django.utils.translation import gettext as _
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from apps.core.fetch_targets import (
    FetchError,
    FetchFailed,
    FetchRefused,
    PartGone,
    Resolver,
    Target,
    checked_addresses,
    checked_url,
    look_up,
)

PIECE_BYTES = 256 * 1024
MOST_REDIRECTS = 5
CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Worth another try: the server is away, or busy.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """What a fetch may take: bytes in all, seconds in all, and the least of bytes a second.

    Slower than `least_rate` on the average of `rate_seconds`, the headers included, is cut off.
    """

    max_bytes: int
    max_seconds: float = 6 * 3600.0
    least_rate: int = 16 * 1024
    rate_seconds: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Where to go on: the bytes that are here already, of the version with this `validator`."""

    start: int
    validator: str


@dataclass(slots=True, kw_only=True)
class Fetched:
    """An open answer. `pieces` begin at byte `start` of `size` bytes (unknown without)."""

    url: str
    start: int
    size: int | None
    validator: str
    content_type: str
    pieces: Iterator[bytes]


@contextmanager
def fetch(
    url: str,
    *,
    limits: FetchLimits,
    authorization: str = "",
    part: Part | None = None,
    resolve: Resolver | None = None,
    trust: str = "",
) -> Iterator[Fetched]:
    """Open `url` and close it again; what is sent comes piece by piece.

    `authorization` goes to the server of `url` alone and to none that it redirects to. With a
    `part`, and a server that still has that version, the pieces begin where it ends. `trust` is a
    file of authorities in place of the usual ones.

    Raises:
        FetchRefused: the URL, an address behind it or the answer is not allowed.
        FetchFailed: the server is away, too slow, or ended early; also while pieces are read.
    """
    asked = checked_url(url)
    first = asked.origin
    with _Watch(limits) as watch:
        for _hop in range(MOST_REDIRECTS + 1):
            secret = authorization if asked.origin == first else ""
            connection = _connect(asked, watch, resolve or look_up, trust or certifi.where())
            try:
                response = _ask(connection, asked, secret, part, watch)
                if response.status not in _REDIRECTS:
                    yield _opened(response, asked, part, limits, watch)
                    return
                asked = checked_url(_joined(asked.url, response.headers.get("Location", "")))
            finally:
                connection.close()
        raise FetchRefused(_("The address leads on to others too many times."))


def read_small(
    url: str, *, limits: FetchLimits, authorization: str = "", resolve: Resolver | None = None
) -> bytes:
    """Fetch all of what is small; raises as `fetch`."""
    with fetch(url, limits=limits, authorization=authorization, resolve=resolve) as found:
        return b"".join(found.pieces)


class _Watch:
    """Cuts the connection of a fetch that takes too long or is too slow."""

    def __init__(self, limits: FetchLimits) -> None:
        self.limits = limits
        self.connection: HTTPConnection | None = None
        self.cut_for = ""
        self.received = 0
        self._ended = threading.Event()
        self._ends_at = time.monotonic() + limits.max_seconds
        self._thread = threading.Thread(target=self._run, name="fetch-watch", daemon=True)

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def check(self) -> None:
        """Raise what the connection was cut for, if it was."""
        if self.cut_for == "time":
            raise FetchRefused(_("It takes longer than a download may."))
        if self.cut_for:
            raise FetchFailed(_("The server sends too slowly."))

    def _run(self) -> None:
        window = self.limits.rate_seconds
        least = self.limits.least_rate * window
        mark, marked_at = 0, time.monotonic()
        while not self._ended.wait(min(0.25, window / 4)):
            now = time.monotonic()
            if now >= self._ends_at:
                self._cut("time")
            elif now - marked_at >= window:
                if self.received - mark < least:
                    self._cut("speed")
                mark, marked_at = self.received, now

    def _cut(self, reason: str) -> None:
        self.cut_for = self.cut_for or reason
        sock = getattr(self.connection, "sock", None)
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                # It has ended by itself.
                return


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        # It cannot be taken apart, and is refused as it is.
        return location


def _connect(target: Target, watch: _Watch, resolve: Resolver, trust: str) -> HTTPConnection:
    failure: Exception | None = None
    for address in checked_addresses(target, resolve):
        connection = _connection(target, address, trust)
        watch.connection = connection
        try:
            connection.connect()
        except (OSError, HTTPError, ValueError) as error:
            # A certificate of another name is a ValueError.
            connection.close()
            watch.check()
            failure = error
            continue
        return connection
    raise FetchFailed(_("The server could not be reached."), reason=str(failure)) from failure


def _connection(target: Target, address: str, trust: str) -> HTTPConnection:
    if target.scheme == "http":
        return HTTPConnection(address, target.port, timeout=CONNECT_SECONDS)
    return HTTPSConnection(
        address,
        target.port,
        timeout=CONNECT_SECONDS,
        server_hostname=target.host,
        assert_hostname=target.host,
        cert_reqs="CERT_REQUIRED",
        ca_certs=trust,
    )


def _ask(
    connection: HTTPConnection,
    target: Target,
    authorization: str,
    part: Part | None,
    watch: _Watch,
) -> BaseHTTPResponse:
    headers = {
        "Host": target.host_header,
        "User-Agent": f"Easel/{settings.EASEL_VERSION}",
        "Accept": "*/*",
        # A body that grows when it is unpacked could pass every limit.
        "Accept-Encoding": "identity",
    }
    if authorization:
        headers["Authorization"] = authorization
    if part is not None and part.start and part.validator:
        headers |= {"Range": f"bytes={part.start}-", "If-Range": part.validator}
    if connection.sock is not None:
        connection.sock.settimeout(READ_SECONDS)
    try:
        connection.request(
            "GET", target.path, headers=headers, preload_content=False, decode_content=False
        )
        return connection.getresponse()
    except (OSError, HTTPError, HTTPException) as error:
        watch.check()
        raise FetchFailed(_("The server did not answer."), reason=str(error)) from error


def _opened(
    response: BaseHTTPResponse,
    target: Target,
    part: Part | None,
    limits: FetchLimits,
    watch: _Watch,
) -> Fetched:
    if response.status not in {200, 206}:
        raise _refusal(response.status)
    if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise FetchRefused(_("The server sends the file packed; it has to send it as it is."))
    length = _whole_number(response.headers.get("Content-Length"))
    start, size = 0, length
    if response.status == 206:
        start, size = _content_range(response.headers)
        # Not every server heeds If-Range.
        is_same = part is not None and _validator(response.headers) in {"", part.validator}
        if part is None or start != part.start or not is_same:
            raise PartGone(_("The server sends another part than was asked for."))
    if max(size or 0, start + (length or 0)) > limits.max_bytes:
        raise _too_large()
    return Fetched(
        url=target.url,
        start=start,
        size=size,
        validator=_validator(response.headers),
        content_type=response.headers.get("Content-Type", "")[:200],
        pieces=_pieces(response, start, limits, watch),
    )


def _refusal(status: int) -> FetchError:
    if status in _PASSING:
        return FetchFailed(_("The server is busy or away."), reason=f"status {status}")
    if status in {401, 403}:
        return FetchRefused(_("The server does not let us have this file."))
    if status == 416:
        return PartGone(_("The file has changed on the server."))
    return FetchRefused(_("The server has no such file."), reason=f"status {status}")


def _too_large() -> FetchRefused:
    return FetchRefused(_("The file is larger than may be fetched."))


def _pieces(
    response: BaseHTTPResponse, start: int, limits: FetchLimits, watch: _Watch
) -> Iterator[bytes]:
    total = start
    while True:
        try:
            piece = response.read1(PIECE_BYTES)
        except (OSError, HTTPError, HTTPException, ValueError) as error:
            watch.check()
            raise FetchFailed(_("The connection ended early."), reason=str(error)) from error
        watch.check()
        if not piece:
            return
        total += len(piece)
        watch.received += len(piece)
        if total > limits.max_bytes:
            raise _too_large()
        yield piece


def _whole_number(text: str | None) -> int | None:
    # More digits than any file has bytes; and int() takes signs and underscores.
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 18:
        return None
    return int(text)


def _content_range(headers: Mapping[str, str]) -> tuple[int, int | None]:
    unit, _space, rest = headers.get("Content-Range", "").partition(" ")
    span, _slash, size = rest.partition("/")
    start = _whole_number(span.partition("-")[0])
    if unit.lower() != "bytes" or start is None:
        raise FetchFailed(_("The server sends another part than was asked for."))
    return start, _whole_number(size)


def _validator(headers: Mapping[str, str]) -> str:
    """Return what says whether a later answer is of the same version: a strong ETag, or a date."""
    etag = headers.get("ETag", "").strip()
    if etag.startswith('"') and len(etag) <= 200:
        return etag
    changed = headers.get("Last-Modified", "").strip()
    return changed if len(changed) <= 64 else ""
