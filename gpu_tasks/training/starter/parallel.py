"""Training in several single-threaded processes that average their gradients once a step.

One exchange a step costs far less than a barrier in every small operation, above all on a
machine whose cores have other work to do.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch
import torch.distributed as distributed
from torch import Tensor


def configure_logging() -> None:
    """Log progress with the time of day."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")


def _start_worker(
    rank: int, processes: int, meeting: str, work: Callable[..., None], arguments: dict[str, Any]
) -> None:
    os.setsid()
    torch.set_num_threads(1)
    configure_logging()
    distributed.init_process_group(
        "gloo", init_method=f"file://{meeting}", rank=rank, world_size=processes
    )
    work(rank=rank, **arguments)
    distributed.destroy_process_group()


def run_workers(
    *, work: Callable[..., None], processes: int, work_dir: Path, arguments: dict[str, Any]
) -> None:
    """Run `work(rank=…, **arguments)` in several processes and wait for all of them."""
    meeting = work_dir / f"meeting-{os.getpid()}"
    meeting.unlink(missing_ok=True)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        workers = [
            pool.submit(_start_worker, rank, processes, str(meeting), work, arguments)
            for rank in range(processes)
        ]
        for worker in workers:
            worker.result()
    meeting.unlink(missing_ok=True)


def average_step(*, parameters: Iterable[Tensor], extra: float) -> float:
    """Average the gradients in place, and one more number, over all processes."""
    gradients = [value.grad for value in parameters if value.grad is not None]
    flat = torch.cat([*(gradient.reshape(-1) for gradient in gradients), torch.tensor([extra])])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    start = 0
    for gradient in gradients:
        gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
        start += gradient.numel()
    return float(flat[-1])
