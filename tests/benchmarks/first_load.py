"""What a browser that has nothing yet has to fetch for a page, pictures left out."""

import gzip
import http.client
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from urllib.parse import urljoin

import brotli

IMPORTS = re.compile(rb"""(?:\bfrom|\bimport)\s*\(?\s*["']([^"']+\.js)["']""")
ADDRESSES = re.compile(rb"""url\(\s*["']?([^"')]+)["']?\s*\)""")
PICTURES = (".png", ".webp", ".jpg", ".avif", ".svg")

Fetch = Callable[[str], tuple[int, bytes]]


class Parts(HTMLParser):
    """Collects the addresses of styles, scripts and modules of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        kinds = (known.get("rel") or "").split()
        if tag == "link" and {"stylesheet", "modulepreload", "preload"} & set(kinds):
            self._note(known.get("href"))
        if tag == "script":
            self._note(known.get("src"))
        self._note(known.get("data-module"))

    def _note(self, address: str | None) -> None:
        if address is not None:
            self.found.append(address)


def first_load(page: str, html: bytes, fetch: Fetch) -> tuple[int, int]:
    """Return the bytes of everything that `html` needs beside itself, as sent, and the requests.

    `fetch` returns the size of an answer as it came, and the answer unpacked.
    """
    parts = Parts()
    parts.feed(html.decode())
    waiting = [urljoin(page, address) for address in parts.found]
    seen: set[str] = set()
    size = 0
    while waiting:
        address = waiting.pop()
        if address in seen or address.endswith(PICTURES):
            continue
        seen.add(address)
        sent, body = fetch(address)
        size += sent
        waiting += [urljoin(address, part) for part in _named_in(address, body)]
    return size, len(seen)


def _named_in(address: str, body: bytes) -> Iterator[str]:
    if address.endswith(".js"):
        yield from (part.decode() for part in IMPORTS.findall(body))
    elif address.endswith(".css"):
        parts = (part.decode() for part in ADDRESSES.findall(body))
        yield from (part for part in parts if not part.startswith("data:"))


def sent_and_unpacked(response: http.client.HTTPResponse) -> tuple[int, bytes]:
    """Read an answer; return its size on the wire, without its head, and its content."""
    body = response.read()
    unpack = {"br": brotli.decompress, "gzip": gzip.decompress}.get(
        response.headers.get("Content-Encoding", ""), bytes
    )
    return len(body), unpack(body)
