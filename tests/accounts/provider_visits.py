"""The way to a provider and back, gone by a plain HTTP client in the browser's place."""

import re
from typing import Any
from urllib.parse import urlsplit

import requests
from django.test import Client

from tests.oidc_provider import OidcProvider

SIGN_IN = "/accounts/sign-in/"
START = "/accounts/oidc/start/"
CALLBACK = "/accounts/oidc/callback/"
SUBJECT = "11111111-aaaa-bbbb-cccc-222222222222"
EMAIL = "ada@example.com"


def set_out(client: Client, *, path: str = START) -> str:
    """Begin at `path` and return the provider's address that the browser is sent to."""
    answer = client.get(path)
    assert answer.status_code == 302, answer.content
    return str(answer["Location"])


def authorize(address: str, *, subject: str = SUBJECT) -> str:
    """Sign in at the provider and return the path that it sends the browser back to."""
    answer = requests.post(address, data={"sub": subject}, allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["Location"])
    assert back.path == CALLBACK
    return f"{back.path}?{back.query}"


def come_in(client: Client, *, path: str = START, subject: str = SUBJECT) -> Any:
    """Go the whole way and return the answer to the callback."""
    return client.get(authorize(set_out(client, path=path), subject=subject))


def is_in(client: Client) -> bool:
    return client.get("/api/v1/images").status_code == 200


def know(provider: OidcProvider, **claims: Any) -> None:
    provider.put_user(SUBJECT, **{"email": EMAIL, "email_verified": True, "name": "Ada", **claims})


def refused(answer: Any, status: int) -> str:
    """Check that `answer` is a page that says what to do, and return its error id."""
    assert answer.status_code == status
    page = answer.content.decode()
    assert "Traceback" not in page
    assert f'href="{SIGN_IN}"' in page
    found = re.search(r"<code>([0-9a-f]{16})</code>", page)
    assert found is not None
    return found[1]
