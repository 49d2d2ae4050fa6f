"""A real OpenID Connect provider on loopback: `oidc-provider-mock`, behind a gate of our own.

The provider signs tokens, keeps codes, shows a page to sign in on. What it lacks stands in the
gate: PKCE (RFC 7636), other keys, tokens that are not what they should be, and being away.
"""

import io
import json
import os
import re
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import flask
import jwt
import oidc_provider_mock
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wrappers import Request, Response

CLIENT_ID = "easel-test"
CLIENT_SECRET = "a-secret-of-the-test-client"
STAFF_GROUP = "operators"
_STYLE = re.compile(rb'<link[^>]*?href="https://[^>]*>')


class OidcProvider:
    """A provider that can be told who is who, and to misbehave; it runs within `with`."""

    def __init__(self) -> None:
        # It speaks plain HTTP, to this machine alone.
        os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
        self._app = oidc_provider_mock.app(require_nonce=True)
        self._app.before_request(self._find_storage)
        self._storage: Any = None
        self._app.test_client().get("/jwks")
        self._challenges: dict[str, str] = {}
        self._server: BaseWSGIServer | None = None
        self._port = 0
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.reset()

    def reset(self) -> None:
        """Behave again, and forget what was seen; users and keys stay."""
        self.seen.clear()
        self.changed_claims: dict[str, Any] = {}
        self.dropped_claims: set[str] = set()
        self.signs_with_foreign_key = False
        self.answers_with: dict[str, tuple[int, str]] = {}
        self.delay_seconds = 0.0

    def _find_storage(self) -> None:
        self._storage = flask.g.oidc_provider_mock_storage

    # The server ---------------------------------------------------------------

    def start(self) -> None:
        """Listen, after a stop on the same port."""
        self._server = make_server("127.0.0.1", self._port, self._answer, threaded=True)
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
        return f"http://127.0.0.1:{self._port}"

    # What it knows ------------------------------------------------------------

    def put_user(self, subject: str, **claims: Any) -> None:
        """Know someone; `cognito_groups` is written as Cognito writes it."""
        if "cognito_groups" in claims:
            claims["cognito:groups"] = claims.pop("cognito_groups")
        self._storage.store_user(oidc_provider_mock.User(sub=subject, claims=claims))

    def roll_over(self) -> None:
        """Sign with a new key from now on, and no longer publish the old one."""
        self._storage.jwk = self._new_key()

    def requests_to(self, path: str) -> list[dict[str, str]]:
        """Return the parameters of the requests to `path`, in order."""
        return [parameters for seen, parameters in self.seen if seen == path]

    # The gate -----------------------------------------------------------------

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        body = request.get_data(cache=True)
        parameters = {**request.args.to_dict(), **request.form.to_dict()}
        environ["wsgi.input"] = io.BytesIO(body)
        self.seen.append((request.path, parameters))
        time.sleep(self.delay_seconds)
        response = self._respond(request.path, parameters, environ)
        return response(environ, start_response)

    def _respond(self, path: str, parameters: dict[str, str], environ: dict[str, Any]) -> Response:
        if path in self.answers_with:
            status, text = self.answers_with[path]
            return Response(text, status=status, mimetype="application/json")
        if path == "/oauth2/token" and not self._proves_possession(parameters):
            return Response('{"error": "invalid_grant"}', 400, mimetype="application/json")
        response = Response.from_app(self._app, environ, buffered=True)
        if path == "/oauth2/authorize" and response.status_code == 302:
            query = parse_qs(urlsplit(response.headers["Location"]).query)
            self._challenges[query.get("code", [""])[0]] = parameters.get("code_challenge", "")
        if response.mimetype == "text/html":
            # Its pages take their style from a CDN, which the machine of a test may not reach.
            response.set_data(_STYLE.sub(b"", response.get_data()))
        if path == "/oauth2/token" and response.status_code == 200:
            tokens = json.loads(response.get_data())
            tokens["id_token"] = self._resign(tokens["id_token"])
            response.set_data(json.dumps(tokens))
        return response

    def _proves_possession(self, parameters: dict[str, str]) -> bool:
        """Check PKCE's verifier against the challenge that the code was given out for."""
        verifier = parameters.get("code_verifier", "")
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        return self._challenges.pop(parameters.get("code", ""), None) == challenge

    def _resign(self, token: str) -> str:
        claims = jwt.decode(token, options={"verify_signature": False}) | self.changed_claims
        for name in self.dropped_claims:
            claims.pop(name, None)
        key = self._storage.jwk
        signer = self._new_key() if self.signs_with_foreign_key else key
        return jwt.encode(
            claims,
            signer.as_pem(is_private=True),
            algorithm="RS256",
            headers={"kid": key.as_dict()["kid"]},
        )

    def _new_key(self) -> Any:
        return type(self._storage.jwk).generate_key(is_private=True)
