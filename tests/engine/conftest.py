from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import gpu_tasks
from gpu_tasks.engine import Engine, GenerationRequest, ModelSource
from gpu_tasks.engine.libraries import torch
from tests.engine.tiny_model import build_tiny_model

STARTER_MODEL = Path(gpu_tasks.__file__).parent / "starter_model"

MakeRequest = Callable[..., GenerationRequest]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Tiny models gain nothing from threads, and lose much where other work keeps cores busy."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_source(tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    return ModelSource(key="tiny", path=build_tiny_model(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="session")
def other_source(tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    path = build_tiny_model(tmp_path_factory.mktemp("other"), seed=1)
    return ModelSource(key="other", path=path)


@pytest.fixture(scope="session")
def starter_source() -> ModelSource:
    if not (STARTER_MODEL / "model_index.json").is_file():
        pytest.skip("the starter model is not there")
    return ModelSource(key="starter", path=STARTER_MODEL)


@pytest.fixture(scope="session", params=["tiny", "starter"])
def source(request: pytest.FixtureRequest) -> ModelSource:
    """Run a test with random weights and with the model that Easel ships."""
    found: ModelSource = request.getfixturevalue(f"{request.param}_source")
    return found


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine(device="cpu")


@pytest.fixture
def make_request() -> MakeRequest:
    def make(source: ModelSource, **changes: object) -> GenerationRequest:
        arguments: dict[str, object] = {
            "prompt": "a red circle on a white background",
            "width": 128,
            "height": 128,
            "steps": 3,
            "guidance_scale": 4.0,
            "scheduler": "dpmpp_2m",
            "seed": 7,
            "model_key": source.key,
        }
        return GenerationRequest(**(arguments | changes))  # type: ignore[arg-type]

    return make
