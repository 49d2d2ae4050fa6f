"""How often something may be done, counted in Redis for all processes together.

A window slides: it is the sum of sixty buckets, each a sixtieth of it long, of which the oldest
is dropped whole. So no span as long as the window ever holds more than the limit, a key is at
most 61 small numbers whatever the limit is, and it is gone one window after its last use.
"""

import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, cast

import structlog
from django.conf import settings
from django_redis import get_redis_connection
from redis.exceptions import RedisError

logger = structlog.get_logger(__name__)


class Endpoint(StrEnum):
    """The classes of requests that are counted apart."""

    READ = "read"
    FILE = "file"
    WRITE = "write"
    GENERATE = "generate"
    ANONYMOUS = "anonymous"
    REFUSED_CREDENTIALS = "refused_credentials"
    KEY_CHECK = "key_check"
    SIGN_IN_EMAIL = "sign_in_email"
    SIGN_IN_ADDRESS = "sign_in_address"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `requests` within any `seconds`."""

    requests: int
    seconds: int


# A page of the gallery asks for 48 thumbnails, so files have a class of their own. Sign-in counts
# failures over a longer time: a minute would allow thousands of guesses a day. A key of another
# service is checked there, which may take seconds.
LIMITS: Mapping[Endpoint, Limit] = MappingProxyType(
    {
        Endpoint.READ: Limit(600, 60),
        Endpoint.FILE: Limit(6000, 60),
        Endpoint.WRITE: Limit(120, 60),
        Endpoint.GENERATE: Limit(60, 60),
        Endpoint.ANONYMOUS: Limit(60, 60),
        Endpoint.REFUSED_CREDENTIALS: Limit(30, 60),
        Endpoint.KEY_CHECK: Limit(10, 300),
        Endpoint.SIGN_IN_EMAIL: Limit(10, 300),
        Endpoint.SIGN_IN_ADDRESS: Limit(30, 300),
    }
)
# What an operator's EASEL_RATE_LIMIT_SCALE does not touch: it is there to stop guessing.
_UNSCALED = frozenset({Endpoint.SIGN_IN_EMAIL, Endpoint.SIGN_IN_ADDRESS})


def limit_of(endpoint: Endpoint) -> Limit:
    """Return the limit in force for `endpoint`."""
    limit = LIMITS[endpoint]
    if endpoint in _UNSCALED or settings.EASEL_RATE_LIMIT_SCALE == 1:
        return limit
    return Limit(max(1, int(limit.requests * settings.EASEL_RATE_LIMIT_SCALE)), limit.seconds)


@dataclass(frozen=True, slots=True)
class Counter:
    """One count: `subject` is a user's id or an address, for which `limit` holds."""

    subject: str
    endpoint: Endpoint
    limit: Limit

    @property
    def key(self) -> str:
        """Return the key in Redis."""
        return f"ratelimit:{self.subject}:{self.endpoint}"


def counter(subject: object, endpoint: Endpoint) -> Counter:
    """Make the counter of `subject` for `endpoint` with the limit in force."""
    return Counter(str(subject), endpoint, limit_of(endpoint))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one request under one limit.

    `more_in` is the number of seconds until room for another request is made; `bucket` is where
    the request was counted, for `give_back`.
    """

    counter: Counter
    allowed: bool
    remaining: int
    more_in: int
    bucket: str


# KEYS: the counters. ARGV: for each its limit and its window in ms. All are counted or none.
# Answers for each: 1 if there was room, how many are counted now, ms until the next room, bucket.
_TAKE = """
local BUCKETS = 60
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answer, all_have_room = {}, 1
for i, key in ipairs(KEYS) do
  local limit, window = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local width = window / BUCKETS
  local current = math.floor(now / width)
  local counted, buckets, stale = 0, {}, {}
  local fields = redis.call('HGETALL', key)
  for f = 1, #fields, 2 do
    local bucket, count = tonumber(fields[f]), tonumber(fields[f + 1])
    if bucket < current - BUCKETS then
      stale[#stale + 1] = fields[f]
    elseif count > 0 then
      buckets[#buckets + 1] = {bucket, count}
      counted = counted + count
    end
  end
  if #stale > 0 then redis.call('HDEL', key, unpack(stale)) end
  local has_room, wait = 1, window
  if #buckets > 0 then
    table.sort(buckets, function(a, b) return a[1] < b[1] end)
    local left, last = counted, buckets[1]
    if counted >= limit then
      has_room, all_have_room = 0, 0
      for _, pair in ipairs(buckets) do
        left, last = left - pair[2], pair
        if left < limit then break end
      end
    end
    wait = (last[1] + BUCKETS + 1) * width - now
  end
  answer[i] = {has_room, counted, math.ceil(wait), string.format('%.0f', current)}
end
if all_have_room == 1 then
  for i, key in ipairs(KEYS) do
    redis.call('HINCRBY', key, answer[i][4], 1)
    redis.call('PEXPIRE', key, math.ceil(ARGV[2 * i] * (BUCKETS + 1) / BUCKETS))
    answer[i][2] = answer[i][2] + 1
  end
end
return answer
"""

# A request given back may have been the last of its bucket, or the key may be gone by now.
_GIVE_BACK = """
for i, key in ipairs(KEYS) do
  if tonumber(redis.call('HGET', key, ARGV[i]) or '0') > 0 then
    redis.call('HINCRBY', key, ARGV[i], -1)
  end
end
"""

# Seconds in which Redis is not asked again after it failed: requests must not wait for it in turn.
_PAUSE_SECONDS = 2.0
_WARN_SECONDS = 60.0


@dataclass(slots=True)
class _Outage:
    """Whether Redis was away a moment ago, and when that was last said."""

    until: float = 0.0
    said_at: float = -math.inf

    def is_on(self) -> bool:
        return time.monotonic() < self.until

    def begin(self, error: Exception) -> None:
        now = time.monotonic()
        self.until = now + _PAUSE_SECONDS
        if now - self.said_at >= _WARN_SECONDS:
            self.said_at = now
            logger.warning("rate_limits_off", error=type(error).__name__)


_outage = _Outage()


def take(*counters: Counter) -> list[Verdict] | None:
    """Count one request on all `counters`, unless one of them is full; one round trip.

    Returns a verdict for each counter, or `None` when Redis is away and nothing was counted.
    """
    arguments = [number for c in counters for number in (c.limit.requests, c.limit.seconds * 1000)]
    answer = _run(_TAKE, [c.key for c in counters], arguments)
    if answer is None:
        return None
    return [
        Verdict(
            counter=c,
            allowed=bool(has_room),
            remaining=max(0, c.limit.requests - counted),
            more_in=max(1, math.ceil(wait / 1000)),
            bucket=bucket.decode() if isinstance(bucket, bytes) else bucket,
        )
        for c, (has_room, counted, wait, bucket) in zip(counters, answer, strict=True)
    ]


def give_back(verdicts: Sequence[Verdict]) -> None:
    """Uncount a request that turned out not to be of the kind that is limited."""
    _run(_GIVE_BACK, [v.counter.key for v in verdicts], [v.bucket for v in verdicts])


def _run(script: str, keys: Sequence[str], arguments: Sequence[int | str]) -> list[Any] | None:
    if _outage.is_on():
        return None
    try:
        # Sent by its hash: the text itself travels only to a server that has not seen it.
        run = get_redis_connection("default").register_script(script)
        return cast("list[Any]", run(keys=keys, args=arguments) or [])
    except (RedisError, OSError) as error:
        _outage.begin(error)
        return None


@dataclass(slots=True)
class LocalWindows:
    """Sliding windows in this process alone, for what must be limited while Redis is away."""

    max_counters: int = 10_000
    now: Callable[[], float] = time.monotonic
    _times: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, *counters: Counter) -> list[Verdict]:
        """Count one request on all `counters`, unless one of them is full."""
        with self._lock:
            now = self.now()
            windows = [self._window(c, now) for c in counters]
            has_room = [len(w) < c.limit.requests for c, w in zip(counters, windows, strict=True)]
            if all(has_room):
                for window in windows:
                    window.append(now)
            return [
                Verdict(
                    counter=c,
                    allowed=allowed,
                    remaining=max(0, c.limit.requests - len(window)),
                    more_in=_seconds_until_room(c.limit, window, now),
                    bucket=repr(now),
                )
                for c, window, allowed in zip(counters, windows, has_room, strict=True)
            ]

    def give_back(self, verdicts: Sequence[Verdict]) -> None:
        """Uncount a request."""
        with self._lock:
            for verdict in verdicts:
                window = self._times.get(verdict.counter.key)
                if window and float(verdict.bucket) in window:
                    window.remove(float(verdict.bucket))

    def _window(self, counter: Counter, now: float) -> deque[float]:
        window = self._times.setdefault(counter.key, deque())
        self._times.move_to_end(counter.key)
        while window and window[0] <= now - counter.limit.seconds:
            window.popleft()
        while len(self._times) > self.max_counters:
            self._times.popitem(last=False)
        return window


def _seconds_until_room(limit: Limit, window: Sequence[float], now: float) -> int:
    oldest = window[0] if window else now
    return max(1, math.ceil(oldest + limit.seconds - now))
