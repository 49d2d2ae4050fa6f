"""The OpenID Connect provider of the production-like run, able to misbehave.

What it lacks stands here: other keys, tokens that are not what they should be, and being away.
"""

import time
from typing import Any

from werkzeug.wrappers import Response

from config.local.production_like import provider

CLIENT_ID = "easel-test"
CLIENT_SECRET = "a-secret-of-the-test-client"
STAFF_GROUP = "operators"


class OidcProvider(provider.OidcProvider):
    """A provider that can be told who is who, and to misbehave; it runs within `with`."""

    def __init__(self) -> None:
        super().__init__()
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

    def roll_over(self) -> None:
        """Sign with a new key from now on, and no longer publish the old one."""
        self._storage.jwk = self._new_key()

    def requests_to(self, path: str) -> list[dict[str, str]]:
        """Return the parameters of the requests to `path`, in order."""
        return [parameters for seen, parameters in self.seen if seen == path]

    def respond(self, path: str, parameters: dict[str, str], environ: dict[str, Any]) -> Response:
        self.seen.append((path, parameters))
        time.sleep(self.delay_seconds)
        if path in self.answers_with:
            status, text = self.answers_with[path]
            return Response(text, status=status, mimetype="application/json")
        return super().respond(path, parameters, environ)

    def claims_of(self, claims: dict[str, Any]) -> dict[str, Any]:
        changed = claims | self.changed_claims
        return {name: said for name, said in changed.items() if name not in self.dropped_claims}

    def signing_key(self) -> Any:
        return self._new_key() if self.signs_with_foreign_key else self._storage.jwk

    def _new_key(self) -> Any:
        return type(self._storage.jwk).generate_key(is_private=True)
