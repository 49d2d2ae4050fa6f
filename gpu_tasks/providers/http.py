"""The way to a provider: no redirects, no proxies, and answers of a bounded size and time."""

from __future__ import annotations

import math
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Final, Self

import httpx2

from gpu_tasks.providers.errors import (
    ProviderBadAnswer,
    ProviderTimeout,
    ProviderUnavailable,
    ProviderUnreached,
)
from gpu_tasks.providers.interface import Timeouts

# Ten pictures of 1536 × 1024 in base64 are about 35 MB.
MOST_BYTES: Final = 96 * 1024**2
# Of an answer that says what went wrong.
MOST_ERROR_BYTES: Final = 64 * 1024


def open_client(timeouts: Timeouts, *, most_bytes: int = MOST_BYTES) -> httpx2.Client:
    """Return a client for one provider; what it is asked leaves by no proxy of the environment."""
    return httpx2.Client(
        transport=_BoundedTransport(timeouts, most_bytes=most_bytes),
        timeout=httpx2.Timeout(timeouts.read, connect=timeouts.connect),
        follow_redirects=False,
        trust_env=False,
    )


class ClosesItsClient:
    """Close the client when the block that it is used in ends."""

    _client: Any

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()


def ask(client: httpx2.Client, method: str, address: str, **sent: Any) -> httpx2.Response:
    """Return an answer, whatever its status.

    Raises:
        ProviderUnreached, ProviderTimeout, ProviderUnavailable: there was none.
    """
    try:
        return client.request(method, address, **sent)
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
        raise ProviderUnreached(type(error).__name__) from error
    except httpx2.TimeoutException as error:
        raise ProviderTimeout(type(error).__name__) from error
    except httpx2.HTTPError as error:
        raise ProviderUnavailable(type(error).__name__) from error


class _BoundedTransport(httpx2.BaseTransport):
    """Read no more than so many bytes and seconds of an answer, whoever sends it."""

    def __init__(self, timeouts: Timeouts, *, most_bytes: int) -> None:
        self._inner = httpx2.HTTPTransport(retries=0)
        self._timeouts = timeouts
        self._most_bytes = most_bytes
        # Of the connection that was opened last; calls follow one another.
        self._socket: socket.socket | None = None

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        # What is not compressed cannot grow when it is unpacked.
        request.headers["Accept-Encoding"] = "identity"
        request.extensions = {**request.extensions, "trace": self._note_connection}
        deadline = _Deadline(self._timeouts.whole, end=self._break_off)
        try:
            with deadline.told():
                response = self._inner.handle_request(request)
        except BaseException:
            deadline.close()
            raise
        if response.headers.get("Content-Encoding", "identity") != "identity":
            deadline.close()
            response.close()
            raise ProviderBadAnswer("a compressed answer that was not asked for")
        is_error = response.status_code >= 400
        most = MOST_ERROR_BYTES if is_error else self._most_bytes
        return httpx2.Response(
            status_code=response.status_code,
            headers=response.headers,
            stream=_BoundedStream(response, most=most, deadline=deadline),
            extensions=response.extensions,
        )

    def close(self) -> None:
        self._inner.close()

    def _note_connection(self, event: str, facts: Mapping[str, Any]) -> None:
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            self._socket = facts["return_value"].get_extra_info("socket")

    def _break_off(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                # Of the plain class: that of TLS would let go of what a thread reads with.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class _Deadline:
    """Call `end` after so many seconds, unless closed before."""

    def __init__(self, seconds: float, *, end: Callable[[], None]) -> None:
        self._end = end
        self._is_over = False
        self._timer = threading.Timer(seconds, self._pass)
        self._timer.daemon = True
        self._timer.start()

    def close(self) -> None:
        self._timer.cancel()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Raise a timeout in the place of what a connection that was broken off raises."""
        try:
            yield
        except httpx2.HTTPError as error:
            if not self._is_over:
                raise
            raise ProviderTimeout("the answer dripped in") from error
        if self._is_over:
            raise ProviderTimeout("the answer dripped in")

    def _pass(self) -> None:
        self._is_over = True
        self._end()


class _BoundedStream(httpx2.SyncByteStream):
    def __init__(self, response: httpx2.Response, *, most: int, deadline: _Deadline) -> None:
        self._response = response
        self._most = most
        self._deadline = deadline

    def __iter__(self) -> Iterator[bytes]:
        taken = 0
        with self._deadline.told():
            for chunk in self._response.stream:  # type: ignore[union-attr]  # of a synchronous transport
                taken += len(chunk)
                if taken > self._most:
                    raise ProviderBadAnswer(f"more than {self._most} bytes")
                yield chunk

    def close(self) -> None:
        self._deadline.close()
        self._response.close()


def retry_after(value: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for, in either of its forms."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
            seconds = (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds()
        except (ValueError, OverflowError, TypeError):
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None
