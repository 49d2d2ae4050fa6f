"""How far each node of a running workflow is, for pages that come later."""

import uuid
from collections.abc import Iterable
from typing import TypedDict

from django.core.cache import cache

from apps.generation.events import NodeProgress
from apps.generation.selectors import PROGRESS_SECONDS


class _Kept(TypedDict):
    attempt: int
    progress: NodeProgress


def save_node(*, job_id: uuid.UUID, attempt: int, node: str, progress: NodeProgress) -> None:
    """Keep how far a node of an attempt is; the cache may lose it."""
    kept: _Kept = {"attempt": attempt, "progress": progress}
    cache.set(_key(job_id, node), kept, timeout=PROGRESS_SECONDS)


def nodes_of(
    *, job_id: uuid.UUID, attempt: int, nodes: Iterable[str], has_ended: bool = False
) -> dict[str, NodeProgress]:
    """Return those of `nodes` that have begun in an attempt, in one round trip.

    Of a job that `has_ended` none runs any more: nobody told of one that was under way, by a
    cancel or a worker that died, and it is left out.
    """
    keys = {_key(job_id, node): node for node in nodes}
    found: dict[str, _Kept] = cache.get_many(list(keys))
    return {
        keys[key]: kept["progress"]
        for key, kept in found.items()
        if kept["attempt"] == attempt and not (has_ended and kept["progress"]["state"] == "running")
    }


def _key(job_id: uuid.UUID, node: str) -> str:
    return f"job:{job_id}:node:{node}"
