"""Pages fetched as a browser would, without one."""

import http.client
import json
from typing import Any
from urllib.parse import urlencode, urlsplit


def fetch(
    url: str, form: dict[str, str] | None = None, language: str = "en", as_json: Any = None
) -> tuple[int, str, str]:
    """Return the status, the location and the text of an answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    headers = {"Accept-Language": language}
    body = None
    if form is not None:
        body, headers["Content-Type"] = urlencode(form), "application/x-www-form-urlencoded"
    if as_json is not None:
        body, headers["Content-Type"] = json.dumps(as_json), "application/json"
    connection.request("GET" if body is None else "POST", parts.path, body, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.headers.get("Location", ""), text
