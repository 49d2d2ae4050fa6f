from __future__ import annotations

import pytest

from gpu_tasks.engine import Engine
from gpu_tasks.engine.libraries import torch


@pytest.fixture(scope="session")
def engine() -> Engine:
    """One engine for all tests of runs; small models gain nothing from threads."""
    torch.set_num_threads(1)
    return Engine(device="cpu")
