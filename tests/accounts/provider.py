"""A sign-in provider on loopback: discovery and keys over HTTP, tokens as Cognito signs them."""

import base64
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

CLIENT_ID = "easel-studio"
JWKS = "/keys.json"
DISCOVERY = "/.well-known/openid-configuration"


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Make the private key called `name`; the same one for the whole session."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


class Provider:
    """What the provider has: its address, its keys by id, and how often it was asked."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.keys: list[dict[str, Any]] = [public_jwk("first")]
        self.asked: Counter[str] = Counter()
        self.down = False

    def document(self, path: str) -> dict[str, Any] | None:
        if path == DISCOVERY:
            return {"issuer": self.issuer, "jwks_uri": self.issuer + JWKS}
        return {"keys": self.keys} if path == JWKS else None

    def claims(self, subject: str, **changes: Any) -> dict[str, Any]:
        """Return the claims of an access token; a change to None takes the claim out."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": subject,
            "client_id": CLIENT_ID,
            "token_use": "access",
            "scope": "openid",
            "iat": now,
            "exp": now + 300,
        }
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def access_token(self, subject: str, *, key: str = "first", **changes: Any) -> str:
        return sign(self.claims(subject, **changes), key=key)

    def id_token(self, subject: str, **changes: Any) -> str:
        changes = {"token_use": "id", "client_id": None, "aud": CLIENT_ID} | changes
        return self.access_token(subject, **changes)


def sign(claims: dict[str, Any], *, key: str, key_id: str | None = None, **header: Any) -> str:
    return jwt.encode(
        claims, rsa_key(key), algorithm="RS256", headers={"kid": key_id or key} | header
    )


def public_jwk(name: str, **changes: Any) -> dict[str, Any]:
    jwk = RSAAlgorithm.to_jwk(rsa_key(name).public_key(), as_dict=True)
    return jwk | {"kid": name, "use": "sig", "alg": "RS256"} | changes


def forge(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    """Put a token together by hand, for headers that no library would write."""
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@contextmanager
def running_provider() -> Iterator[Provider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.asked[self.path] += 1
            document = None if provider.down else provider.document(self.path)
            body = json.dumps(document).encode()
            self.send_response(503 if document is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = Provider(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
