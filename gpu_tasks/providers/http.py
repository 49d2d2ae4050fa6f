"""The way to a provider: no redirects, no proxies, and answers of a bounded size and time."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx2

from gpu_tasks.providers.errors import ProviderBadAnswer, ProviderTimeout
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


class _BoundedTransport(httpx2.BaseTransport):
    """Read no more than so many bytes and seconds of an answer, whoever sends it."""

    def __init__(self, timeouts: Timeouts, *, most_bytes: int) -> None:
        self._inner = httpx2.HTTPTransport(retries=0)
        self._timeouts = timeouts
        self._most_bytes = most_bytes

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        deadline = time.monotonic() + self._timeouts.whole
        # What is not compressed cannot grow when it is unpacked.
        request.headers["Accept-Encoding"] = "identity"
        response = self._inner.handle_request(request)
        if response.headers.get("Content-Encoding", "identity") != "identity":
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


class _BoundedStream(httpx2.SyncByteStream):
    def __init__(self, response: httpx2.Response, *, most: int, deadline: float) -> None:
        self._response = response
        self._most = most
        self._deadline = deadline

    def __iter__(self) -> Iterator[bytes]:
        taken = 0
        for chunk in self._response.stream:  # type: ignore[union-attr]  # of a synchronous transport
            taken += len(chunk)
            if taken > self._most:
                raise ProviderBadAnswer(f"more than {self._most} bytes")
            if time.monotonic() > self._deadline:
                raise ProviderTimeout("the answer dripped in")
            yield chunk

    def close(self) -> None:
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
        except ValueError:
            return None
        seconds = (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds()
    return max(seconds, 0.0) if math.isfinite(seconds) else None
