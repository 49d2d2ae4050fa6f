"""Notices that EC2 is about to take a spot instance back, from instance metadata version 2."""

import http.client
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

import structlog

logger = structlog.get_logger(__name__)

# What AWS advises: the notice comes two minutes ahead.
SECONDS_BETWEEN_LOOKS: Final = 5.0
_TOKEN_SECONDS: Final = 21600
_TIMEOUT: Final = 2.0
_ACTION: Final = "/latest/meta-data/spot/instance-action"
_REBALANCE: Final = "/latest/meta-data/events/recommendations/rebalance"


class Notice(StrEnum):
    """What was said: the instance will be taken, or is more likely than others to be.

    The second is no reason to end: it stays for as long as the instance lives, and may come to
    nothing.
    """

    INTERRUPTION = "spot_interruption"
    REBALANCE = "spot_rebalance"


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: str


class NoMetadataError(Exception):
    """Nobody answers: this is no EC2 instance, or version 2 is closed to us."""


class SpotMetadata:
    """Instance metadata at `url`, read under a session token."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.netloc
        self._token: str | None = None

    def find_notice(self) -> Notice | None:
        """Return the graver of the notices given so far.

        Raises:
            NoMetadataError: nobody answers.
        """
        action = self._get(_ACTION)
        # An action of "hibernate" or "stop" ends the work just as well.
        if action is not None and json.loads(action).get("action"):
            return Notice.INTERRUPTION
        return Notice.REBALANCE if self._get(_REBALANCE) is not None else None

    def _get(self, path: str) -> str | None:
        for _time in range(2):
            if self._token is None:
                self._token = self._new_token()
            answer = self._ask("GET", path, {"X-aws-ec2-metadata-token": self._token})
            if answer.status == http.client.OK:
                return answer.body
            if answer.status != http.client.UNAUTHORIZED:
                return None
            self._token = None
        return None

    def _new_token(self) -> str:
        ttl = {"X-aws-ec2-metadata-token-ttl-seconds": str(_TOKEN_SECONDS)}
        answer = self._ask("PUT", "/latest/api/token", ttl)
        if answer.status != http.client.OK:
            raise NoMetadataError(f"no token: {answer.status}")
        return answer.body

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> _Answer:
        connection = http.client.HTTPConnection(self._host, timeout=_TIMEOUT)
        try:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            return _Answer(response.status, response.read(65536).decode("utf-8", "replace"))
        except (OSError, http.client.HTTPException) as error:
            raise NoMetadataError(type(error).__name__) from error
        finally:
            connection.close()


def start_watch(
    url: str, *, on_notice: Callable[[Notice], None], every: float = SECONDS_BETWEEN_LOOKS
) -> None:
    """Look every few seconds from a thread, and pass each kind of notice on once.

    Where nobody answers the first look, this is no instance of EC2 and none follows.
    """

    def watch() -> None:
        metadata = SpotMetadata(url)
        seen: set[Notice] = set()
        has_answered = False
        pause = threading.Event()
        while Notice.INTERRUPTION not in seen:
            try:
                notice = metadata.find_notice()
            except (NoMetadataError, ValueError) as error:
                if not has_answered:
                    logger.info("no_instance_metadata", reason=str(error))
                    return
                notice = None
            has_answered = True
            if notice is not None and notice not in seen:
                seen.add(notice)
                logger.warning("spot_notice", notice=notice)
                on_notice(notice)
            pause.wait(every)

    threading.Thread(target=watch, name="spot-watch", daemon=True).start()
