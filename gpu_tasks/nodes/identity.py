"""Tell which nodes of a graph make the same."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gpu_tasks.nodes.checking import CheckedNode


def identities(nodes: Iterable[CheckedNode]) -> dict[str, str]:
    """Return what each node makes, by its id, as a digest; `nodes` are in topological order.

    It is of type, version and inputs, where what is linked counts by the digest of the node that
    makes it: nodes are pure, so the same is made from the same. Those that keep something are
    like no other.
    """
    found: dict[str, str] = {}
    for node in nodes:
        inputs = {
            name: ("linked", found[node.links[name][0]], node.links[name][1])
            if name in node.links
            else _canonical(value)
            for name, value in node.values.items()
        }
        own = node.id if node.node.is_output else ""
        text = repr((node.node.type, node.node.version, own, sorted(inputs.items())))
        found[node.id] = hashlib.sha256(text.encode()).hexdigest()
    return found


def _canonical(value: Any) -> Any:
    """Return plain tuples and numbers that are written alike for equal values alone."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
        return (type(value).__name__, _canonical(parts))
    match value:
        case Mapping():
            return sorted((name, _canonical(one)) for name, one in value.items())
        case list() | tuple():
            return [_canonical(one) for one in value]
        case _:
            return value
