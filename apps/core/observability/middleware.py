"""Note each request: how long it took, what became of it, and where in a trace it stands."""

import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from apps.core.balancer_checks import is_marked
from apps.core.observability.tracing import Span, span
from apps.core.observability.web import figures

# Asked by machines every few seconds, as are marked checks; they would hide what people get.
UNOBSERVED = frozenset({"/healthz", "/readyz", "/metrics"})


class ObservationMiddleware:
    """Stand before all other middleware, so that a request's time is all of ours."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path in UNOBSERVED or is_marked(request):
            return self.get_response(request)
        started = time.perf_counter()
        status = 500
        figures.began()
        try:
            # Whoever asks cannot say that he is to be traced: a trace begins here.
            with span("request", parent=None) as current:
                response = self.get_response(request)
                status = response.status_code
                _describe(current, request, status)
        finally:
            figures.ended(
                route=route_of(request),
                method=request.method or "",
                status=status,
                seconds=time.perf_counter() - started,
            )
        return response


def _describe(current: Span, request: HttpRequest, status: int) -> None:
    if current.is_recorded:
        current.describe(
            {
                "http.route": route_of(request),
                "http.request.method": request.method or "",
                "http.response.status_code": status,
            }
        )
    if status >= 500:
        current.fail()


def route_of(request: HttpRequest) -> str:
    """Return the name of the route that was taken: one of as many as there are views."""
    match = request.resolver_match
    if match is not None:
        return match.view_name
    return "static" if request.path.startswith(settings.STATIC_URL) else "none"
