"""Health checks of a load balancer, which asks each task by its address and not by our name."""

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host

from apps.core.bodies import Scope

# What they ask; the answers do not depend on the name that is asked for.
CHECKED = frozenset({"/healthz", "/readyz", "/api/v1/app/version"})
_MARK = "easel.balancer_check"


def is_balancer_check(scope: Scope) -> bool:
    """Tell whether the request asks how this process is, by a host that is no name of ours."""
    if scope["path"] not in CHECKED or not settings.ALLOWED_HOSTS:
        return False
    domain, _port = split_domain_port(_host(scope))
    return not validate_host(domain, settings.ALLOWED_HOSTS)


def by_our_name(scope: Scope) -> Scope:
    """Return `scope` as if the check had asked by the first name that we admit, and marked."""
    name = str(settings.ALLOWED_HOSTS[0]).lstrip(".").encode("ascii")
    others = [header for header in scope["headers"] if header[0] != b"host"]
    return {**scope, "headers": [*others, (b"host", name)], _MARK: True}


def is_marked(request: HttpRequest) -> bool:
    """Tell whether the request is a check that asked by no name of ours."""
    return _MARK in getattr(request, "scope", ())


def _host(scope: Scope) -> str:
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    return hosts[-1] if hosts else ""
