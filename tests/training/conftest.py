"""Tiny models to train LoRAs of, and an engine to use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gpu_tasks.engine import Engine, ModelSource
from gpu_tasks.engine.libraries import torch
from tests.engine.families.builders import build_tiny_sdxl
from tests.engine.tiny_model import build_tiny_model


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelSource]:
    """Return a tiny model of each family that can be trained."""
    builders: dict[str, Callable[[Path], Path]] = {
        "sd-1.5-class": build_tiny_model,
        "sd-2": lambda directory: build_tiny_model(directory, seed=1),
        "sdxl": build_tiny_sdxl,
    }
    return {
        base: ModelSource(key=base, path=build(tmp_path_factory.mktemp("model")), base=base)
        for base, build in builders.items()
    }


@pytest.fixture(scope="module")
def engine(one_thread: None) -> Engine:
    """Return an engine whose numbers come out alike, on one thread."""
    del one_thread
    return Engine(device="cpu")
