"""What a graph adds to the engine's own call, and what checking one costs.

Both ways make the same pictures of the starter model in turns. The time is that of the processor,
of one thread, which other work on the machine disturbs least.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any, Final

from gpu_tasks.engine import Engine
from gpu_tasks.engine.libraries import torch
from gpu_tasks.nodes.checking import check_graph
from gpu_tasks.nodes.graph import read_document
from gpu_tasks.nodes.run import run_graph
from tests.benchmarks.graph_checking import checking_figures
from tests.benchmarks.report import Report, Target
from tests.nodes.graphs import document
from tests.nodes.starter import STARTER, StarterCatalog, StarterContext, starter_request

# Few, since a picture's own time is what the difference is lost in.
STEPS: Final = 2
CHEAP_NODES: Final = 100
ALLOWED_MS: Final = 20
ALLOWED_MS_A_NODE: Final = 1
MAX_CHECK_MS: Final = 50
PROMPT: Final = "a red circle on a white background"
TOLD: Final = {
    "model": ("model", "model"),
    "prompt": ("prompt", "prompt"),
    "width": 128,
    "height": 128,
    "steps": STEPS,
}


def run(*, quick: bool) -> Report:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _measure(rounds=15 if quick else 60)
    finally:
        torch.set_num_threads(threads)


def _measure(*, rounds: int) -> Report:
    engine = Engine()
    figures: dict[str, float] = {}
    targets: dict[str, Target] = {}
    for name, graph in (("steps", step_by_step), ("chain", long_chain)):
        nodes = len(graph(0))
        floors, overheads = _take_turns(engine, graph, rounds=rounds)
        limit = ALLOWED_MS + ALLOWED_MS_A_NODE * nodes
        overhead = median(overheads)
        figures[f"{name}_nodes"] = nodes
        figures[f"{name}_floor_ms"] = median(floors)
        figures[f"{name}_overhead_ms"] = overhead
        figures[f"{name}_limit_ms"] = limit
        targets[f"{name}_overhead"] = Target(overhead / limit, 1.0)
    figures |= checking_figures()
    targets["check_200_nodes_ms"] = Target(figures["check_200_nodes_ms"], MAX_CHECK_MS)
    return Report(bench="workflow", figures=figures, targets=targets)


def step_by_step(seed: int) -> dict[str, Any]:
    """Make a picture by its single steps: the fewest nodes that are a plain generation."""
    return {
        "model": ("model", {"key": STARTER.key}),
        "prompt": ("prompt", {"text": PROMPT}),
        "latent": ("denoise", {**TOLD, "seed": seed}),
        "made": ("decode", {"latents": ("latent", "latents"), "model": ("model", "model")}),
        "save": ("save", {"picture": ("made", "picture")}),
    }


def long_chain(seed: int) -> dict[str, Any]:
    """Put cheap nodes one after another behind a generation; no two of them make the same."""
    nodes = step_by_step(seed)
    del nodes["latent"], nodes["save"]
    nodes["made"] = ("generate", {**TOLD, "seed": seed})
    last = "made"
    for number in range(CHEAP_NODES):
        nodes[f"n{number}"] = ("invert", {"picture": (last, "picture")})
        last = f"n{number}"
    return {**nodes, "save": ("save", {"picture": (last, "picture")})}


def _take_turns(
    engine: Engine, graph: Callable[[int], dict[str, Any]], *, rounds: int
) -> tuple[list[float], list[float]]:
    """Return the milliseconds of the direct call, and what the graph took more in each round."""

    def by_graph(seed: int) -> list[bytes]:
        # From the document on: what a worker does for a job.
        checked = check_graph(read_document(document(graph(seed))), StarterCatalog())
        result = run_graph(checked, StarterContext(engine), on_node=lambda _: None)
        return [picture.tobytes() for picture in result.pictures]

    def directly(seed: int) -> list[bytes]:
        settings = {"prompt": PROMPT, "width": 128, "height": 128, "steps": STEPS, "seed": seed}
        request = starter_request(settings)
        result = engine.generate(request, source=STARTER, on_step=lambda _: None)
        return [picture.tobytes() for picture in result.images]

    # The chain turns colours over an even number of times.
    if by_graph(0) != directly(0):
        raise AssertionError("a graph has to make the very pixels of the direct call")
    floors, overheads = [], []
    for number in range(1, rounds + 1):
        ways = [directly, by_graph]
        taken = {way: _milliseconds(way, number) for way in ways[:: -1 if number % 2 else 1]}
        floors.append(taken[directly])
        overheads.append(taken[by_graph] - taken[directly])
    return floors, overheads


def _milliseconds(way: Callable[[int], object], seed: int) -> float:
    started = time.thread_time()
    way(seed)
    return (time.thread_time() - started) * 1000
