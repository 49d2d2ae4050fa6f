"""URLs that mean no good: into our network, round about, without end."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from apps.core.fetch_targets import (
    FetchFailed,
    FetchRefused,
    PartGone,
    checked_url,
    is_public_address,
)
from apps.core.fetching import FetchLimits, Part, fetch, read_small
from tests.catalog.file_server import FileServer, answer, file_server, redirect_to

LIMITS = FetchLimits(max_bytes=10_000, max_seconds=20, least_rate=0)
METADATA = "169.254.169.254"


@pytest.fixture
def server(settings: Any) -> Iterator[FileServer]:
    with file_server() as running:
        settings.EASEL_FETCH_PLAIN_HOSTS = frozenset({running.host})
        yield running


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return where sockets are connected to, from now on."""
    made: list[Any] = []
    connect = socket.socket.connect

    def note(self: socket.socket, address: Any) -> None:
        made.append(address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", note)
    return made


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/x",
        "ftp://example.com/x",
        "file:///etc/passwd",
        "https://example.com:8443/x",
        "https://user:secret@example.com/x",
        "https://example.com@169.254.169.254/x",
        "https:///x",
        "https://exa mple.com/x",
        "https://example.com/x\r\nHost: other",
        "https://[::1/x",
        "https://example.com:99999/x",
        "javascript:alert(1)",
        "https://" + "a" * 3000,
        "",
    ],
)
def test_addresses_that_are_never_asked(url: str, connections: list[Any]) -> None:
    with pytest.raises(FetchRefused):
        checked_url(url)
    with pytest.raises(FetchRefused), fetch(url, limits=LIMITS):
        pytest.fail("it was fetched")

    assert connections == []


@pytest.mark.parametrize(
    "address",
    [
        *(METADATA, "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1"),
        *("::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "2001:db8::1"),
        *(f"::ffff:{METADATA}", f"::{METADATA}", f"64:ff9b::{METADATA}", "64:ff9b:1::a9fe:a9fe"),
        *("2002:a9fe:a9fe::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "::ffff:127.0.0.1", "x"),
    ],
)
def test_addresses_of_networks_that_are_not_everybodys(address: str) -> None:
    assert not is_public_address(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_that_all_the_world_reaches(address: str) -> None:
    assert is_public_address(address)


@pytest.mark.parametrize(
    "host",
    [
        *(METADATA, "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.16689662"),
        *(f"[::ffff:{METADATA}]", "[::1]", "localhost", "127.1"),
    ],
)
def test_the_metadata_service_is_not_asked_however_it_is_written(
    host: str, connections: list[Any]
) -> None:
    with pytest.raises(FetchRefused, match=r"private|is \[") as refused:
        read_small(f"https://{host}/latest/meta-data/", limits=LIMITS)

    assert "private network" in refused.value.detail
    assert connections == []


@pytest.mark.parametrize("others", [[], ["8.8.8.8"]])
def test_a_name_that_leads_to_it_is_not_followed(others: list[str], connections: list[Any]) -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        return [*others, METADATA]

    with pytest.raises(FetchRefused):
        read_small("https://innocent.example/x", limits=LIMITS, resolve=resolve)

    assert connections == []


@pytest.mark.parametrize(
    "place",
    [f"http://{METADATA}/x", f"https://{METADATA}/x", "https://[fd00:ec2::254]/", "file:///x"],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_it_is_not_followed(
    place: str, status: int, server: FileServer, connections: list[Any]
) -> None:
    server.acts["/x"] = redirect_to(place, status)

    with pytest.raises(FetchRefused):
        read_small(server.url("/x"), limits=LIMITS)

    assert connections == [("127.0.0.1", server.port)]


def test_a_name_is_looked_up_once_and_what_was_looked_at_is_connected_to(
    server: FileServer, settings: Any, connections: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EASEL_FETCH_PLAIN_HOSTS = frozenset({f"changing.example:{server.port}"})
    server.files["/x"] = b"content"
    answers = iter([["127.0.0.1"], [METADATA], [METADATA]])
    look_up = socket.getaddrinfo
    asked: list[Any] = []

    def note(host: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(host)
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", note)

    found = read_small(
        f"http://changing.example:{server.port}/x",
        limits=LIMITS,
        resolve=lambda _host, _port: next(answers),
    )

    assert found == b"content"
    assert connections == [("127.0.0.1", server.port)]
    assert set(asked) == {"127.0.0.1"}
    assert next(answers) == [METADATA]
    assert server.requests[0][1]["Host"] == f"changing.example:{server.port}"


def test_redirects_end(server: FileServer) -> None:
    server.acts["/x"] = redirect_to("/x")

    with pytest.raises(FetchRefused, match="too many times"):
        read_small(server.url("/x"), limits=LIMITS)

    assert len(server.requests) == 6


def test_credentials_stay_with_the_server_they_are_for(server: FileServer, settings: Any) -> None:
    with file_server() as other:
        settings.EASEL_FETCH_PLAIN_HOSTS = frozenset({server.host, other.host})
        other.files["/y"] = b"content"
        server.acts["/x"] = redirect_to("/z")
        server.acts["/z"] = redirect_to(other.url("/y"))

        assert read_small(server.url("/x"), limits=LIMITS, authorization="Bearer t") == b"content"

        assert [headers["Authorization"] for _path, headers in server.requests] == ["Bearer t"] * 2
        assert "Authorization" not in other.requests[0][1]


def test_a_body_without_end_ends_at_the_limit(server: FileServer) -> None:
    server.acts["/x"] = answer(b"x" * 1000, times=1000)

    with pytest.raises(FetchRefused, match="larger than may be fetched"):
        read_small(server.url("/x"), limits=LIMITS)


def test_an_announced_length_beyond_the_limit_is_not_begun(server: FileServer) -> None:
    server.acts["/x"] = answer(b"", Content_Length="10001")

    with (
        pytest.raises(FetchRefused, match="larger than may be fetched"),
        fetch(server.url("/x"), limits=LIMITS),
    ):
        pytest.fail("it was begun")


@pytest.mark.parametrize("length", ["2000", "999999999999999999999", "-1", "0x10", "1, 2"])
def test_a_length_that_lies_is_noticed(length: str, server: FileServer) -> None:
    server.acts["/x"] = answer(b"x" * 20_000, Content_Length=length)

    try:
        found = read_small(server.url("/x"), limits=LIMITS)
    except (FetchRefused, FetchFailed):
        return
    # Only what was announced is taken, and never more than the limit.
    assert found == b"x" * 2000


def test_a_body_that_ends_early_is_no_file(server: FileServer) -> None:
    server.acts["/x"] = answer(b"x" * 10, Content_Length="2000")

    with pytest.raises(FetchFailed, match=r"ended early|incomplete|bytes"):
        read_small(server.url("/x"), limits=LIMITS)


def test_a_slow_body_is_cut_off(server: FileServer) -> None:
    server.acts["/x"] = answer(b"x", pause=0.1, times=300)
    limits = FetchLimits(max_bytes=10_000, max_seconds=60, least_rate=1000, rate_seconds=1.0)
    began = time.monotonic()

    with pytest.raises(FetchFailed, match="too slowly"):
        read_small(server.url("/x"), limits=limits)

    assert time.monotonic() - began < 5


def test_a_body_takes_no_longer_than_it_may(server: FileServer) -> None:
    server.acts["/x"] = answer(b"x" * 10, pause=0.1, times=300)
    limits = FetchLimits(max_bytes=10_000, max_seconds=1, least_rate=0)
    began = time.monotonic()

    with pytest.raises(FetchRefused, match="longer than a download may"):
        read_small(server.url("/x"), limits=limits)

    assert time.monotonic() - began < 5


@pytest.mark.parametrize("sends", [b"HTTP/1.1 200 OK\r\nX: ", b""])
def test_headers_that_drip_are_cut_off(sends: bytes, settings: Any) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    settings.EASEL_FETCH_PLAIN_HOSTS = frozenset({f"127.0.0.1:{port}"})
    ended = threading.Event()

    def drip() -> None:
        connection, _address = listener.accept()
        with connection:
            connection.sendall(sends)
            while not ended.wait(0.1):
                try:
                    connection.sendall(b"x" if sends else b"")
                except OSError:
                    return

    thread = threading.Thread(target=drip)
    thread.start()
    limits = FetchLimits(max_bytes=10_000, max_seconds=60, least_rate=1000, rate_seconds=1.0)
    began = time.monotonic()
    try:
        with pytest.raises(FetchFailed, match="too slowly"):
            read_small(f"http://127.0.0.1:{port}/x", limits=limits)
    finally:
        ended.set()
        thread.join()
        listener.close()

    assert time.monotonic() - began < 5


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip"])
def test_a_packed_body_is_refused(encoding: str, server: FileServer) -> None:
    server.acts["/x"] = answer(b"x", Content_Encoding=encoding, Content_Length="1")

    with pytest.raises(FetchRefused, match="packed"):
        read_small(server.url("/x"), limits=LIMITS)

    assert server.requests[0][1]["Accept-Encoding"] == "identity"


def test_a_part_goes_on_where_it_ended_unless_the_file_is_another(server: FileServer) -> None:
    server.files["/x"] = b"0123456789"
    with fetch(server.url("/x"), limits=LIMITS) as found:
        validator = found.validator
    part = Part(start=4, validator=validator)

    with fetch(server.url("/x"), limits=LIMITS, part=part) as found:
        assert (found.start, found.size, b"".join(found.pieces)) == (4, 10, b"456789")
    server.files["/x"] = b"abcdefghij"
    with fetch(server.url("/x"), limits=LIMITS, part=part) as found:
        assert (found.start, found.size, b"".join(found.pieces)) == (0, 10, b"abcdefghij")


def test_a_part_of_another_version_is_not_taken(server: FileServer) -> None:
    server.acts["/x"] = answer(
        b"efghij", status=206, ETag='"other"', Content_Range="bytes 4-9/10", Content_Length="6"
    )
    part = Part(start=4, validator='"this"')

    with pytest.raises(PartGone), fetch(server.url("/x"), limits=LIMITS, part=part):
        pass


def test_a_redirect_that_cannot_be_read_is_refused(server: FileServer) -> None:
    server.acts["/x"] = redirect_to("https://[::1/x")

    with pytest.raises(FetchRefused):
        read_small(server.url("/x"), limits=LIMITS)


@pytest.mark.parametrize(("status", "is_passing"), [(404, False), (403, False), (503, True)])
def test_what_the_server_refuses(status: int, is_passing: bool, server: FileServer) -> None:
    server.acts["/x"] = lambda handler: handler.send_error(status)

    with pytest.raises(FetchFailed if is_passing else FetchRefused):
        read_small(server.url("/x"), limits=LIMITS)


def test_a_name_without_an_address_may_have_one_later() -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror

    with pytest.raises(FetchFailed, match="No server"):
        read_small("https://nowhere.example/x", limits=LIMITS, resolve=resolve)
