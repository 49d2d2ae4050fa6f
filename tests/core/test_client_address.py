from typing import Any

import pytest
import structlog
from django.test import Client, RequestFactory
from structlog.testing import capture_logs

from apps.core.client_address import address_block, client_address


@pytest.mark.parametrize(
    ("proxies", "forwarded", "peer", "expected"),
    [
        (0, None, "203.0.113.9", "203.0.113.9"),
        (0, "198.51.100.1", "203.0.113.9", "203.0.113.9"),
        (1, None, "10.0.0.1", "10.0.0.1"),
        (1, "198.51.100.1", "10.0.0.1", "198.51.100.1"),
        (1, "6.6.6.6, 198.51.100.1", "10.0.0.1", "198.51.100.1"),
        (2, "6.6.6.6, 198.51.100.1, 10.0.0.2", "10.0.0.1", "198.51.100.1"),
        (2, "198.51.100.1", "10.0.0.1", "198.51.100.1"),
        (1, "198.51.100.1:4711", "10.0.0.1", "198.51.100.1"),
        (1, "[2001:db8::1]:4711", "10.0.0.1", "2001:db8::1"),
        (1, "not an address", "10.0.0.1", "10.0.0.1"),
        (1, "198.51.100.1, <script>", "10.0.0.1", "10.0.0.1"),
        (0, None, "::ffff:203.0.113.9", "203.0.113.9"),
        (0, None, "", "unknown"),
    ],
)
def test_only_the_trusted_proxies_are_believed(
    proxies: int, forwarded: str | None, peer: str, expected: str, settings: Any
) -> None:
    settings.EASEL_TRUSTED_PROXIES = proxies
    request = RequestFactory().get("/", REMOTE_ADDR=peer)
    if forwarded is not None:
        request.META["HTTP_X_FORWARDED_FOR"] = forwarded

    assert client_address(request) == expected


@pytest.mark.parametrize(
    ("address", "block"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
    ],
)
def test_one_client_is_one_address_or_one_network_of_ipv6(address: str, block: str) -> None:
    assert address_block(address) == block


def test_the_log_has_the_address_that_is_believed() -> None:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        Client().get("/healthz", REMOTE_ADDR="203.0.113.9", HTTP_X_FORWARDED_FOR="6.6.6.6")

    assert {line["ip"] for line in logs if line["event"] == "request_finished"} == {"203.0.113.9"}
