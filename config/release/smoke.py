"""Look at a running Easel from outside, as a browser does that is not signed in."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import requests

TIMEOUT_SECONDS = 15.0
# So often the version is asked for, until the new colour answers with its part of the traffic.
_ASKS = 200
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}
_TLS_HEADERS = {"Strict-Transport-Security": "max-age="}
_STATIC = re.compile(r'(?:href|src)="([^"]*/?static/[^"]+)"')


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of a look: what was found, or what is wrong."""

    name: str
    ok: bool
    found: str


class Smoke:
    """The looks at one address."""

    def __init__(self, url: str, *, version: str | None = None) -> None:
        self.url = url.rstrip("/")
        self.version = version

    def run(self) -> list[Looked]:
        """Take every look; none keeps another from being taken."""
        looks: dict[str, Callable[[], str]] = {
            "version": self._version,
            "ready": self._ready,
            "sign-in page": self._page,
            "security headers": self._headers,
            "static file": self._static,
            "closed to strangers": self._closed,
        }
        return [_take(name, look) for name, look in looks.items()]

    def _version(self) -> str:
        found = set()
        for _ask in range(_ASKS if self.version else 1):
            # Without a connection that is kept, the load balancer chooses each time.
            found.add(str(self._get("/api/v1/app/version").json()["version"]))
            if self.version in found:
                break
        if self.version and self.version not in found:
            raise LookupError(f"{self.version} is wanted and {', '.join(sorted(found))} answers")
        return ", ".join(sorted(found))

    def _ready(self) -> str:
        parts: dict[str, str] = self._get("/readyz").json()["parts"]
        return ", ".join(f"{name} {state}" for name, state in parts.items())

    def _page(self) -> str:
        answer = self._get("/accounts/sign-in/")
        if "csrfmiddlewaretoken" not in answer.text:
            raise LookupError("the page has no form")
        return f"{len(answer.content)} bytes"

    def _headers(self) -> str:
        wanted = {**_HEADERS, **(_TLS_HEADERS if self.url.startswith("https:") else {})}
        answer = self._get("/accounts/sign-in/")
        missing = [
            name for name, value in wanted.items() if value not in answer.headers.get(name, "")
        ]
        cookies = [cookie.name for cookie in answer.cookies if not cookie.secure]
        if self.url.startswith("https:") and cookies:
            missing.append(f"Secure of {', '.join(cookies)}")
        if missing:
            raise LookupError(f"missing or other than meant: {', '.join(missing)}")
        return ", ".join(wanted)

    def _static(self) -> str:
        links = _STATIC.findall(self._get("/accounts/sign-in/").text)
        if not links:
            raise LookupError("the page names no static file")
        address = links[0] if links[0].startswith("https://") else f"{self.url}{links[0]}"
        answer = requests.get(address, timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        return f"{links[0]}, {len(answer.content)} bytes"

    def _closed(self) -> str:
        codes = {}
        for path in ("/api/v1/images", "/metrics"):
            answer = requests.get(
                f"{self.url}{path}", timeout=TIMEOUT_SECONDS, allow_redirects=False
            )
            codes[path] = answer.status_code
        if any(code not in (401, 403, 404) for code in codes.values()):
            raise LookupError(f"open to everybody: {codes}")
        return ", ".join(f"{path} {code}" for path, code in codes.items())

    def _get(self, path: str) -> requests.Response:
        answer = requests.get(f"{self.url}{path}", timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        return answer


def _take(name: str, look: Callable[[], str]) -> Looked:
    try:
        return Looked(name, ok=True, found=look())
    except (requests.RequestException, LookupError, ValueError) as error:
        return Looked(name, ok=False, found=f"{type(error).__name__}: {error}")
