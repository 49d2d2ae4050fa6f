"""Sliding windows in the real Redis, and what happens without it."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django_redis import get_redis_connection
from redis.exceptions import ConnectionError as RedisConnectionError
from structlog.testing import capture_logs

from apps.core import rate_limits
from apps.core.rate_limits import (
    LIMITS,
    Counter,
    Endpoint,
    Limit,
    LocalWindows,
    give_back,
    limit_of,
    take,
)


def counter(requests: int, seconds: int = 60, subject: str = "someone") -> Counter:
    return Counter(subject, Endpoint.READ, Limit(requests, seconds))


@pytest.fixture
def redis_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Make every call to Redis fail; the list grows with each call."""
    calls: list[int] = []

    def away(_alias: str) -> Any:
        calls.append(1)
        raise RedisConnectionError("away")

    monkeypatch.setattr(rate_limits, "get_redis_connection", away)
    monkeypatch.setattr(rate_limits, "_outage", rate_limits._Outage())
    return calls  # type: ignore[return-value]


def test_a_limit_admits_as_many_as_it_says_and_tells_what_is_left() -> None:
    verdicts = [take(counter(3))[0] for _ in range(5)]  # type: ignore[index]

    assert [v.allowed for v in verdicts] == [True, True, True, False, False]
    assert [v.remaining for v in verdicts] == [2, 1, 0, 0, 0]
    assert all(59 <= v.more_in <= 61 for v in verdicts)


def test_the_key_is_that_of_the_design_and_lives_as_long_as_the_window() -> None:
    take(counter(3, subject="3f"))

    client = get_redis_connection("default")
    assert client.keys("ratelimit:*") == [b"ratelimit:3f:read"]
    assert 60_000 <= client.pttl("ratelimit:3f:read") <= 61_000


def test_one_request_is_one_round_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    take(counter(9))
    client = get_redis_connection("default")
    sent: list[str] = []
    real = type(client).execute_command

    def execute(self: Any, *arguments: Any, **options: Any) -> Any:
        sent.append(arguments[0])
        return real(self, *arguments, **options)

    monkeypatch.setattr(type(client), "execute_command", execute)
    take(counter(9), counter(9, subject="another"))

    assert sent == ["EVALSHA"]


def test_the_window_slides() -> None:
    one_second = counter(2, seconds=1)
    assert take(one_second)[0].allowed  # type: ignore[index]
    time.sleep(0.6)
    assert take(one_second)[0].allowed  # type: ignore[index]
    assert not take(one_second)[0].allowed  # type: ignore[index]
    # The first of the two has left the window, the second has not: a window that starts anew on
    # each second would admit two.
    time.sleep(0.5)
    assert take(one_second)[0].allowed  # type: ignore[index]
    assert not take(one_second)[0].allowed  # type: ignore[index]


def test_a_refused_request_is_not_counted() -> None:
    one_second = counter(1, seconds=1)
    take(one_second)
    deadline = time.monotonic() + 1.5
    admitted = 0
    while time.monotonic() < deadline:
        admitted += take(one_second)[0].allowed  # type: ignore[index]
        time.sleep(0.02)

    assert admitted == 1


def test_users_and_classes_are_counted_apart() -> None:
    assert take(counter(1, subject="a"))[0].allowed  # type: ignore[index]
    assert take(counter(1, subject="b"))[0].allowed  # type: ignore[index]
    assert take(Counter("a", Endpoint.WRITE, Limit(1, 60)))[0].allowed  # type: ignore[index]
    assert not take(counter(1, subject="a"))[0].allowed  # type: ignore[index]


def test_of_two_counters_both_count_or_none() -> None:
    full, roomy = counter(1, subject="full"), counter(5, subject="roomy")
    take(full)

    verdicts = take(full, roomy)

    assert verdicts is not None
    assert [v.allowed for v in verdicts] == [False, True]
    assert take(roomy)[0].remaining == 4  # type: ignore[index]


def test_a_request_can_be_given_back_once() -> None:
    verdicts = take(counter(2))
    assert verdicts is not None

    give_back(verdicts)
    give_back(verdicts)

    assert take(counter(2))[0].remaining == 1  # type: ignore[index]


def test_requests_at_the_same_time_never_exceed_the_limit() -> None:
    start = threading.Barrier(8)

    def hammer() -> int:
        start.wait()
        return sum(take(counter(50))[0].allowed for _ in range(25))  # type: ignore[index]

    with ThreadPoolExecutor(8) as pool:
        admitted = sum(pool.map(lambda _: hammer(), range(8)))

    assert admitted == 50


def test_looking_and_then_counting_would_exceed_it() -> None:
    """Control: the same load on a limit that is read and written in two steps."""
    client = get_redis_connection("default")
    both_have_looked = threading.Barrier(8)

    def look_then_count(_number: int) -> bool:
        has_room = int(client.get("naive") or 0) < 1
        both_have_looked.wait()
        if has_room:
            client.incr("naive")
        return has_room

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(look_then_count, range(8))) == 8


def test_without_redis_nothing_is_counted_and_the_log_says_so_once(redis_away: list[int]) -> None:
    with capture_logs() as logs:
        assert [take(counter(1)) for _ in range(5)] == [None] * 5

    assert [line["event"] for line in logs] == ["rate_limits_off"]
    # A Redis that does not answer must not hold up one request after the other.
    assert len(redis_away) == 1


def test_redis_is_asked_again_after_a_pause(
    redis_away: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limits, "_PAUSE_SECONDS", 0.05)
    take(counter(1))
    time.sleep(0.06)
    take(counter(1))

    assert len(redis_away) == 2


def test_limits_before_sign_in_are_lower() -> None:
    strangers = {Endpoint.ANONYMOUS, Endpoint.REFUSED_CREDENTIALS}
    users = {Endpoint.READ, Endpoint.FILE, Endpoint.WRITE}

    assert max(LIMITS[e].requests for e in strangers) < min(LIMITS[e].requests for e in users)
    assert set(LIMITS) == set(Endpoint)


def test_an_operator_scales_every_limit_but_those_of_sign_in(settings: Any) -> None:
    settings.EASEL_RATE_LIMIT_SCALE = 0.001
    assert limit_of(Endpoint.READ) == Limit(1, 60)
    settings.EASEL_RATE_LIMIT_SCALE = 2
    assert limit_of(Endpoint.READ) == Limit(1200, 60)
    assert limit_of(Endpoint.SIGN_IN_EMAIL) == LIMITS[Endpoint.SIGN_IN_EMAIL]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_windows_inside_the_process_slide_too() -> None:
    clock = Clock()
    windows = LocalWindows(now=clock)
    limit = counter(2, seconds=60)

    def try_at(seconds: float) -> bool:
        clock.now = 1000 + seconds
        return windows.take(limit)[0].allowed

    assert [try_at(at) for at in (0, 30, 40, 59.9, 60, 61, 90)] == [
        *(True, True, False, False, True, False, True)
    ]
    assert windows.take(limit)[0].more_in == 30


def test_windows_inside_the_process_count_all_or_none_and_give_back() -> None:
    windows = LocalWindows()
    full, roomy = counter(1, subject="full"), counter(5, subject="roomy")
    taken = windows.take(full)

    assert [v.allowed for v in windows.take(full, roomy)] == [False, True]
    assert windows.take(roomy)[0].remaining == 4
    windows.give_back(taken)
    assert windows.take(full)[0].allowed


def test_windows_inside_the_process_are_bounded_in_number() -> None:
    windows = LocalWindows(max_counters=10)
    for number in range(50):
        windows.take(counter(1, subject=str(number)))

    assert len(windows._times) == 10
    assert not windows.take(counter(1, subject="49"))[0].allowed
