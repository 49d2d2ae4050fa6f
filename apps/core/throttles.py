"""Rate limits of the JSON API: by user once signed in, by address before that."""

import math
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from apps.core.client_address import address_block, client_address
from apps.core.errors import RateLimited, drf_exception_handler
from apps.core.rate_limits import Counter, Endpoint, Verdict, counter, take

if TYPE_CHECKING:  # the class's own body asks for the throttle
    from rest_framework.views import APIView


class EndpointThrottle(BaseThrottle):
    """Count each request on its user and class; refuse with 429 what is too much.

    A view may name its class for reading as `read_endpoint` and for changing as `write_endpoint`.
    """

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Return True, with the headers of the limit on the answer, or raise RateLimited."""
        verdicts = take(_counter(request, view))
        if verdicts is None:
            return True
        (verdict,) = verdicts
        view.headers |= limit_headers(verdict)
        if not verdict.allowed:
            raise RateLimited(retry_after=verdict.more_in, limit=verdict.counter.limit.requests)
        return True


def _counter(request: Request, view: "APIView") -> Counter:
    if not request.user.is_authenticated:
        return counter(address_block(client_address(request)), Endpoint.ANONYMOUS)
    if request.method in SAFE_METHODS:
        return counter(request.user.pk, getattr(view, "read_endpoint", Endpoint.READ))
    return counter(request.user.pk, getattr(view, "write_endpoint", Endpoint.WRITE))


def limit_headers(verdict: Verdict) -> dict[str, str]:
    """Return the headers of draft-ietf-httpapi-ratelimit-headers-10, and Retry-After on refusal."""
    name, limit = verdict.counter.endpoint, verdict.counter.limit
    headers = {
        "RateLimit-Policy": f'"{name}";q={limit.requests};w={limit.seconds}',
        "RateLimit": f'"{name}";r={verdict.remaining};t={verdict.more_in}',
    }
    if not verdict.allowed:
        headers["Retry-After"] = str(verdict.more_in)
    return headers


class RefusedAddresses:
    """Addresses whose keys were refused too often; while they wait, their keys are not looked up.

    Counted in Redis, remembered in each process: a request with a good key costs no further
    round trip.
    """

    def __init__(self, *, max_addresses: int = 10_000) -> None:
        self._max_addresses = max_addresses
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def add(self, address: str, seconds: int) -> None:
        """Refuse `address` for `seconds`."""
        now = time.monotonic()
        with self._lock:
            if len(self._until) >= self._max_addresses:
                self._until = {a: until for a, until in self._until.items() if until > now}
            if len(self._until) < self._max_addresses:
                self._until[address] = now + seconds

    def seconds_left(self, address: str) -> int:
        """Return how long `address` still has to wait; 0 if it may try."""
        return max(0, math.ceil(self._until.get(address, 0.0) - time.monotonic()))

    def clear(self) -> None:
        """Forget them all."""
        with self._lock:
            self._until.clear()


refused_addresses = RefusedAddresses()


def exception_handler(exception: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer an exception of an API view, or with 429 if it is one request too many.

    DRF asks for the throttles after it knows the user and what they may do. Who fails there is
    counted here, or they could go on failing as fast as they like.
    """
    refused = _count_unless_counted(context["request"], context["view"])
    if refused is None:
        return drf_exception_handler(exception, context)
    error = RateLimited(retry_after=refused.more_in, limit=refused.counter.limit.requests)
    return _with_headers(drf_exception_handler(error, context), limit_headers(refused))


def _count_unless_counted(request: Request, view: "APIView") -> Verdict | None:
    """Count a request that failed before the throttle; return the verdict if it is too many."""
    if "RateLimit" in view.headers or not view.throttle_classes:
        return None
    # After a failure to authenticate DRF takes the user for an anonymous one.
    is_stranger_with_key = (
        not request.user.is_authenticated and "HTTP_AUTHORIZATION" in request.META
    )
    if is_stranger_with_key:
        address = address_block(client_address(request))
        verdicts = take(counter(address, Endpoint.REFUSED_CREDENTIALS))
    else:
        verdicts = take(_counter(request, view))
    if verdicts is None or verdicts[0].allowed:
        return None
    if is_stranger_with_key:
        refused_addresses.add(verdicts[0].counter.subject, verdicts[0].more_in)
    return verdicts[0]


def _with_headers(response: Response | None, headers: Mapping[str, str]) -> Response | None:
    if response is not None:
        for name, value in headers.items():
            response[name] = value
    return response
