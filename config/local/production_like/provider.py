"""A real OpenID Connect provider: `oidc-provider-mock`, behind a gate that adds PKCE and TLS.

The provider signs tokens, keeps codes, shows a page to sign in on. Run as a program it knows
`PEOPLE`.
"""

import argparse
import io
import json
import os
import re
import signal
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import flask
import jwt
import oidc_provider_mock
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wrappers import Request, Response

from config.local.pgbouncer import Certificate
from config.local.production_like.people import PEOPLE

_STYLE = re.compile(rb'<link[^>]*?href="https://[^>]*>')


class OidcProvider:
    """A provider that can be told who is who; it runs within `with`.

    Without a certificate it speaks plain HTTP; without a port it chooses one and keeps it.
    """

    def __init__(self, *, port: int = 0, certificate: Certificate | None = None) -> None:
        self._certificate = certificate
        if certificate is None:
            os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
        self._app = oidc_provider_mock.app(require_nonce=True)
        self._app.before_request(self._find_storage)
        self._storage: Any = None
        self._app.test_client().get("/jwks", base_url="https://127.0.0.1")
        self._challenges: dict[str, str] = {}
        self._server: BaseWSGIServer | None = None
        self._port = port

    def _find_storage(self) -> None:
        self._storage = flask.g.oidc_provider_mock_storage

    def start(self) -> None:
        """Listen, after a stop on the same port."""
        files = self._certificate
        self._server = make_server(
            "127.0.0.1",
            self._port,
            self._answer,
            threaded=True,
            ssl_context=(str(files.chain), str(files.key)) if files else None,
        )
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Be away: connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def issuer(self) -> str:
        """Return the address that tokens name."""
        scheme = "https" if self._certificate else "http"
        return f"{scheme}://127.0.0.1:{self._port}"

    def put_user(self, subject: str, **claims: Any) -> None:
        """Know someone; `cognito_groups` is written as Cognito writes it."""
        if "cognito_groups" in claims:
            claims["cognito:groups"] = claims.pop("cognito_groups")
        self._storage.store_user(oidc_provider_mock.User(sub=subject, claims=claims))

    def respond(self, path: str, parameters: dict[str, str], environ: dict[str, Any]) -> Response:
        """Answer a request as the provider does, with PKCE (RFC 7636), which it lacks."""
        if path == "/oauth2/token" and not self._proves_possession(parameters):
            return Response('{"error": "invalid_grant"}', 400, mimetype="application/json")
        response = Response.from_app(self._app, environ, buffered=True)
        if path == "/oauth2/authorize" and response.status_code == 302:
            query = parse_qs(urlsplit(response.headers["Location"]).query)
            self._challenges[query.get("code", [""])[0]] = parameters.get("code_challenge", "")
        if response.mimetype == "text/html":
            # Its pages take their style from a CDN, which this machine may not reach.
            response.set_data(_STYLE.sub(b"", response.get_data()))
        if path == "/oauth2/token" and response.status_code == 200:
            tokens = json.loads(response.get_data())
            tokens["id_token"] = self._sign(tokens["id_token"])
            response.set_data(json.dumps(tokens))
        return response

    def claims_of(self, claims: dict[str, Any]) -> dict[str, Any]:
        """Return what an ID token is to say."""
        return claims

    def signing_key(self) -> Any:
        """Return the key that signs ID tokens."""
        return self._storage.jwk

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        body = request.get_data(cache=True)
        parameters = {**request.args.to_dict(), **request.form.to_dict()}
        environ["wsgi.input"] = io.BytesIO(body)
        return self.respond(request.path, parameters, environ)(environ, start_response)

    def _sign(self, token: str) -> str:
        """Sign a token of the provider's again, this time naming the key, as Cognito does."""
        return jwt.encode(
            self.claims_of(jwt.decode(token, options={"verify_signature": False})),
            self.signing_key().as_pem(is_private=True),
            algorithm="RS256",
            headers={"kid": self._storage.jwk.as_dict()["kid"]},
        )

    def _proves_possession(self, parameters: dict[str, str]) -> bool:
        """Check PKCE's verifier against the challenge that the code was given out for."""
        verifier = parameters.get("code_verifier", "")
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        return self._challenges.pop(parameters.get("code", ""), None) == challenge


def main() -> None:
    """Serve until asked to stop."""
    parser = argparse.ArgumentParser(description="Sign in the people of a production-like run.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--certificates", type=Path, required=True)
    options = parser.parse_args()
    folder: Path = options.certificates
    certificate = Certificate(
        folder / "server.pem", folder / "server.key", folder / "authority.pem"
    )
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with OidcProvider(port=options.port, certificate=certificate) as provider:
        for person in PEOPLE:
            provider.put_user(person.subject, **person.claims())
        ended.wait()


if __name__ == "__main__":
    main()
