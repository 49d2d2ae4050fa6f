"""Order what waits for each other."""

from collections import deque
from collections.abc import Iterable, Sequence


def topological(
    nodes: Iterable[str], pairs: Sequence[tuple[str, str]]
) -> tuple[list[str], dict[str, int]]:
    """Return the nodes in topological order, and those that no order has, of (before, after)."""
    waiting = dict.fromkeys(nodes, 0)
    after: dict[str, list[str]] = {node_id: [] for node_id in waiting}
    for first, second in pairs:
        after[first].append(second)
        waiting[second] += 1
    ready = deque(node_id for node_id, count in waiting.items() if not count)
    order = []
    while ready:
        node_id = ready.popleft()
        order.append(node_id)
        del waiting[node_id]
        for follower in after[node_id]:
            waiting[follower] -= 1
            if not waiting[follower]:
                ready.append(follower)
    return order, waiting
