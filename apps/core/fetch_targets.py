"""What may be fetched of URLs that somebody unknown named: `fetching` fetches it."""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

MOST_URL = 2000
MOST_ADDRESSES_TRIED = 3
HTTPS_PORT = 443

# They carry an address of IPv4, which a gateway may unwrap.
_TRANSLATED = tuple(
    ipaddress.IPv6Network(network)
    for network in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")
)
# To addresses of a name; injected by tests.
Resolver = Callable[[str, int], Sequence[str]]


class FetchError(Exception):
    """Nothing, or not all, was fetched; `detail` may be shown. `may_pass` is worth another try."""

    may_pass = False

    def __init__(self, detail: str, *, reason: str = "") -> None:
        super().__init__(reason or detail)
        self.detail = detail


class FetchRefused(FetchError):
    """We do not fetch this, or what was sent is not what may come."""


class FetchFailed(FetchError):
    """The other side, or the way to it, failed for now."""

    may_pass = True


class PartGone(FetchFailed):
    """There is nothing behind the part that is here: the file is another one by now."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart; a plain one is of a host that tests allow."""

    url: str
    scheme: str
    host: str
    port: int
    path: str
    is_plain: bool

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == HTTPS_PORT else f"{host}:{self.port}"

    @property
    def origin(self) -> tuple[str, str, int]:
        return (self.scheme, self.host, self.port)


def checked_url(url: str) -> Target:
    """Take a URL apart if it is one that may be fetched; what is behind it is looked at later.

    Raises:
        FetchRefused: it is not; the sentence says what is wrong.
    """
    problem = _("This is not an address that can be fetched. Use one that begins with https://.")
    if len(url) > MOST_URL or any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
        raise FetchRefused(problem)
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".").encode("idna").decode("ascii").lower()
        port = parts.port
    except ValueError as error:
        raise FetchRefused(problem) from error
    if not host or parts.scheme not in {"https", "http"}:
        raise FetchRefused(problem)
    if "@" in parts.netloc:
        raise FetchRefused(_("An address with a name or password in it is not fetched."))
    port = port or (HTTPS_PORT if parts.scheme == "https" else 80)
    is_plain = f"{host}:{port}" in settings.EASEL_FETCH_PLAIN_HOSTS
    if not is_plain and (parts.scheme != "https" or port != HTTPS_PORT):
        raise FetchRefused(problem)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    path = "".join(c if c.isascii() else "".join(f"%{b:02X}" for b in c.encode()) for c in path)
    clean = parts._replace(fragment="").geturl()
    return Target(clean, parts.scheme, host, port, path, is_plain)


def is_public_address(text: str) -> bool:
    """Say whether an address is one that all the world can reach, and stands for no other."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public_address(str(address.ipv4_mapped))
        if address.is_site_local or any(address in network for network in _TRANSLATED):
            return False
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_loopback
        or address.is_link_local
        or address.is_unspecified
    )


def look_up(host: str, port: int) -> Sequence[str]:
    """Return every address of a name.

    Raises:
        OSError: it has none, or the name server is away.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


def checked_addresses(target: Target, resolve: Resolver) -> Sequence[str]:
    """Look a name up, once, and return addresses of it to connect to.

    Raises:
        FetchRefused: one of them is not public.
        FetchFailed: there is none.
    """
    try:
        addresses = resolve(target.host, target.port)
    except (OSError, UnicodeError) as error:
        raise FetchFailed(_("No server was found under this address.")) from error
    if not addresses:
        raise FetchFailed(_("No server was found under this address."))
    # One that is not public is enough: whoever answers so means no good.
    if not target.is_plain and not all(is_public_address(address) for address in addresses):
        raise FetchRefused(
            _("This address leads into a private network and is not fetched."),
            reason=f"{target.host} is {addresses}",
        )
    return addresses[:MOST_ADDRESSES_TRIED]
