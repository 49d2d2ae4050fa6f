"""Requests of whoever asks whether this process lives: they know its address and not its name."""

from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

# What they ask for; none of the answers depends on the name that was asked.
PROBES: Final = frozenset({"/healthz", "/readyz", "/api/v1/app/version"})


class ProbeHostMiddleware:
    """Let probes ask by address: a balancer sends that of the target, and nothing else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path in PROBES and settings.ALLOWED_HOSTS:
            request.META["HTTP_HOST"] = settings.ALLOWED_HOSTS[0].lstrip(".")
        return self.get_response(request)
