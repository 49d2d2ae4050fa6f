"""What reading and checking a graph costs, for `bench workflow`: no GPU, no database."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any, Final

from gpu_tasks.nodes.checking import check_graph
from gpu_tasks.nodes.graph import MAX_NODES, read_document
from gpu_tasks.nodes.problems import InvalidGraph
from gpu_tasks.nodes.schema import document_schema, palette
from tests.nodes.graphs import Catalog

_ROUNDS: Final = 50


def checking_figures() -> dict[str, float]:
    """Return the median milliseconds for a chain of as many nodes as there may be, and the like."""
    chain = long_chain(MAX_NODES)
    graph = read_document(chain)
    hostile = long_chain(10_000)
    return {
        "read_200_nodes_ms": _milliseconds(lambda: read_document(chain)),
        "check_200_nodes_ms": _milliseconds(lambda: check_graph(graph, Catalog())),
        "refuse_10000_nodes_ms": _milliseconds(lambda: _refuse(hostile)),
        "palette_ms": _milliseconds(palette),
        "schema_ms": _milliseconds(document_schema),
    }


def long_chain(count: int) -> dict[str, Any]:
    """Write a document of `count` nodes, each of which waits for the one before."""
    nodes: list[dict[str, Any]] = [{"id": "n0", "type": "colour_fill", "inputs": {"width": 64}}]
    edges = []
    for number in range(1, count):
        is_last = number == count - 1
        kind, inputs = ("save", {}) if is_last else ("blur", {"radius": 2.0})
        nodes.append({"id": f"n{number}", "type": kind, "inputs": inputs})
        edges.append({"from": [f"n{number - 1}", "picture"], "to": [f"n{number}", "picture"]})
    # The worst order: what comes first in the document runs last.
    return {"easel_workflow": 1, "nodes": nodes[::-1], "edges": edges}


def _refuse(document: object) -> None:
    try:
        read_document(document)
    except InvalidGraph:
        return
    raise AssertionError("this has to be refused")


def _milliseconds(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1000)
    return median(taken)
