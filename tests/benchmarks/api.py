"""What authentication and tenancy add to an empty request: queries, and time over HTTP."""

import http.client
import time
from statistics import median

from tests.benchmarks.report import Report, Target, percentile
from tests.benchmarks.sessions import session_cookies
from tests.factories import make_user
from tests.stack import Stack


def run(*, quick: bool) -> Report:
    """Ask the two views in turns on one kept connection, after some that warm everything up."""
    rounds, warm_up = (200, 50) if quick else (2000, 200)
    cookies = session_cookies(make_user("bench@example.com"))
    closed: list[float] = []
    opened: list[float] = []
    queries: list[int] = []
    with Stack({"DJANGO_SETTINGS_MODULE": "tests.benchmarks.api_settings"}) as stack:
        stack.start_web(ready_path="/open")
        connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=30)
        for _round in range(warm_up + rounds):
            opened.append(_ask(connection, "/open", {})[0])
            seconds, count = _ask(connection, "/closed", {"Cookie": cookies})
            closed.append(seconds)
            queries.append(count)
        connection.close()
    opened, closed = opened[warm_up:], closed[warm_up:]
    floor = median(opened)
    return Report(
        bench="api",
        figures={
            "floor_open_p50_ms": floor * 1e3,
            "closed_p50_ms": median(closed) * 1e3,
            "closed_p95_ms": percentile(closed, 95) * 1e3,
            "added_p50_ms": (median(closed) - floor) * 1e3,
            "requests": rounds,
        },
        targets={
            "queries": Target(max(queries[warm_up:]), 2),
            "closed_over_floor": Target(median(closed) / floor, 3),
        },
    )


def _ask(
    connection: http.client.HTTPConnection, path: str, headers: dict[str, str]
) -> tuple[float, int]:
    asked = time.perf_counter()
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    body = response.read()
    seconds = time.perf_counter() - asked
    if response.status != http.client.OK:
        raise RuntimeError(f"refused with {response.status}: {body.decode()}")
    return seconds, int(response.headers["X-Queries"])
