"""Who a request comes from, as far as that can be believed."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request

UNKNOWN = "unknown"
# What one customer of an access provider is given; a single address of it costs them nothing.
_IPV6_PREFIX = 64


def client_address(request: HttpRequest | Request) -> str:
    """Return the client's IP address, or `"unknown"` where the server was told none.

    `X-Forwarded-For` is a list that each proxy appends to and that a client can begin as it
    likes. So it is read from its end, one entry for each of the `EASEL_TRUSTED_PROXIES` that
    stand before us, and not at all when there are none.
    """
    peer = _parse(request.META.get("REMOTE_ADDR", ""))
    hops: int = settings.EASEL_TRUSTED_PROXIES
    if hops > 0:
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        claimed = _parse(forwarded[-min(hops, len(forwarded))])
        peer = claimed or peer
    return str(peer) if peer else UNKNOWN


def address_block(address: str) -> str:
    """Return what is counted as one client: an IPv4 address, or the /64 of an IPv6 address."""
    parsed = _parse(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, _IPV6_PREFIX), strict=False))
    return address


def log_client_address(request: HttpRequest, **_: Any) -> None:
    """Bind the address to the lines that the log has about `request`."""
    structlog.contextvars.bind_contextvars(ip=client_address(request))


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or address
    return address
