"""The name counts in TLS, the address that was looked at in the connection."""

import ssl
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from apps.core.fetch_targets import FetchFailed
from apps.core.fetching import FetchLimits, fetch
from tests.catalog.file_server import FileServer

LIMITS = FetchLimits(max_bytes=10_000, max_seconds=20, least_rate=0)
NAME = "models.example"


def here(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of `NAME` with its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


@pytest.fixture
def names_asked() -> list[Any]:
    """The names that clients asked for in TLS."""
    return []


@pytest.fixture
def server(certificate: Path, names_asked: list[Any], settings: Any) -> Iterator[FileServer]:
    running = FileServer()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _socket, name, _context: names_asked.append(name)
    listener = running.listener
    listener.socket = context.wrap_socket(
        listener.socket, server_side=True, do_handshake_on_connect=False
    )
    running.files["/x"] = b"content"
    hosts = {f"{name}:{running.port}" for name in (NAME, "other.example")}
    settings.EASEL_FETCH_PLAIN_HOSTS = frozenset(hosts)
    running.start()
    yield running
    running.stop()


def test_the_name_is_asked_for_and_checked(
    server: FileServer, certificate: Path, names_asked: list[Any]
) -> None:
    url = f"https://{NAME}:{server.port}/x"
    with fetch(url, limits=LIMITS, resolve=here, trust=str(certificate)) as found:
        assert b"".join(found.pieces) == b"content"

    assert names_asked == [NAME]
    assert server.requests[0][1]["Host"] == f"{NAME}:{server.port}"


def test_a_certificate_of_another_name_is_refused(server: FileServer, certificate: Path) -> None:
    url = f"https://other.example:{server.port}/x"

    with (
        pytest.raises(FetchFailed),
        fetch(url, limits=LIMITS, resolve=here, trust=str(certificate)),
    ):
        pytest.fail("it was fetched")

    assert server.requests == []


def test_a_certificate_that_nobody_vouches_for_is_refused(server: FileServer) -> None:
    url = f"https://{NAME}:{server.port}/x"

    with pytest.raises(FetchFailed), fetch(url, limits=LIMITS, resolve=here):
        pytest.fail("it was fetched")

    assert server.requests == []
