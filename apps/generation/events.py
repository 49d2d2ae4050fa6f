"""Live events: typed payloads, sent to the sockets of the job's own user.

Each reaches a page with the key `cursor` beside its own: how far the page has come in what is
kept of its user. A page that comes back says the last one it saw and is told what it missed.
"""

import json
import uuid
from typing import Any, Literal, TypedDict

from apps.core.groups import sender


class QueuedEvent(TypedDict):
    type: Literal["queued"]
    job_id: str
    prompt: str
    created_at: str


class StartedEvent(TypedDict):
    type: Literal["started"]
    job_id: str
    attempt: int


class Progress(TypedDict):
    """Steps done of `total`, whole percent, seconds left, a WebP data URL or nothing."""

    step: int
    total: int
    percent: int
    seconds_left: float | None
    preview: str | None


class ProgressEvent(Progress):
    type: Literal["progress"]
    job_id: str
    attempt: int


class NodeProgress(TypedDict):
    """A node of a workflow: its state, its seconds, how far it is (0 to 1), a WebP data URL."""

    state: Literal["running", "done", "cached", "failed"]
    seconds: float | None
    fraction: float | None
    preview: str | None


class NodeEvent(NodeProgress):
    type: Literal["node"]
    job_id: str
    attempt: int
    node: str


class TrainingEvent(TypedDict):
    """How far a training is: losses by step since the last one told, and a sample's address."""

    type: Literal["training"]
    job_id: str
    attempt: int
    step: int
    total: int
    losses: list[list[float]]
    sample: str | None


class ImageEvent(TypedDict):
    type: Literal["image"]
    job_id: str
    image: dict[str, Any]


class FinishedEvent(TypedDict):
    type: Literal["finished"]
    job_id: str
    state: str
    compute_seconds: float | None


class JobErrorPayload(TypedDict):
    code: str
    detail: str
    error_id: str


class FailedEvent(TypedDict):
    type: Literal["failed"]
    job_id: str
    error: JobErrorPayload


class BalancePayload(TypedDict):
    """The credits that can be used now, and those held for jobs."""

    available: int
    held: int


class BalanceEvent(BalancePayload):
    type: Literal["balance"]


class StartsIn(TypedDict):
    """When a waiting job will start, in seconds from now; `latest` is null if nobody can tell."""

    earliest: int
    latest: int | None


class QueuePlacePayload(TypedDict):
    """Where a waiting job stands in its user's queue, what it waits for, and when it will start.

    `starts_in` is null while nothing can be said: no worker is there, or the queue is paused.
    """

    position: int
    waiting_for: str
    starts_in: StartsIn | None


class PlacedJob(QueuePlacePayload):
    job_id: str


class QueueCounts(TypedDict):
    paused: bool
    waiting: int
    running: int


class QueueEvent(QueueCounts):
    type: Literal["queue"]
    jobs: list[PlacedJob]


class ArchiveEvent(TypedDict):
    """How far a zip of pictures is; `url` is where it can be fetched once it is ready."""

    type: Literal["archive"]
    id: str
    status: str
    done: int
    total: int
    url: str | None


class SnapshotEvent(TypedDict):
    """All there is to know now, for a page that begins or was away for too long."""

    type: Literal["snapshot"]
    jobs: list[dict[str, Any]]
    balance: BalancePayload
    queue: QueueCounts


class HeartbeatEvent(TypedDict):
    """Tells a page that nothing happens, so that silence means that the connection is gone."""

    type: Literal["heartbeat"]


Event = (
    QueuedEvent
    | StartedEvent
    | ProgressEvent
    | NodeEvent
    | TrainingEvent
    | ImageEvent
    | FinishedEvent
    | FailedEvent
    | ArchiveEvent
)


# What shows the present alone: the next one tells as much, or a look at the whole does.
_OF_THE_PRESENT = frozenset({"progress", "node", "training"})


def user_group(user_id: uuid.UUID) -> str:
    """Name the group that every socket of one user is in."""
    return f"user.{user_id}"


class EventPublisher:
    """Send events in their order to the sockets of their user; the caller never waits."""

    def publish(self, user_id: uuid.UUID, event: Event) -> None:
        """Queue `event` for the sockets of `user_id`; it is dropped when too many wait.

        Progress shows the present alone and is not kept: the next one tells as much. Nor are
        nodes: whoever comes back asks how far they are.
        """
        # Encoded once and not by each socket: a preview makes most of it.
        text = json.dumps(event)
        if event["type"] in _OF_THE_PRESENT:
            sender.send(user_group(user_id), {"type": "job.event", "text": text})
        else:
            sender.send_kept(user_group(user_id), {"type": "job.event"}, text=text)

    def publish_balance(self, user_id: uuid.UUID) -> None:
        """Have each socket of `user_id` read the balance and send it.

        Read where it is shown, since most changes happen while nobody looks, and a change must
        not cost its transaction a read. What is read after this call is no older than it, so the
        last that a page is told is the truth, however many changes there are at once.
        """
        sender.send(user_group(user_id), {"type": "balance.changed"})

    def publish_queue(self, user_id: uuid.UUID) -> None:
        """Have each socket of `user_id` read the queue and send it, as it does the balance."""
        sender.send(user_group(user_id), {"type": "queue.changed"})

    def flush(self, *, timeout: float) -> None:
        """Wait until what was published so far is sent, at most `timeout` seconds."""
        sender.flush(timeout=timeout)


publisher = EventPublisher()
