"""What patches torch for the whole process while it loads lets nobody else load meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import peft
import pytest

from gpu_tasks.engine import Engine, ModelSource
from gpu_tasks.engine.control.depth import load_depth_estimator
from gpu_tasks.engine.libraries import PATCHING, diffusers, torch, transformers
from gpu_tasks.engine.pictures.safety import load_safety_checker
from gpu_tasks.training.lora.adapter import Adapter
from tests.engine.test_control_preprocessors import build_depth_model
from tests.engine.test_picture_safety import build_checker
from tests.training.tiny_loras import SETTINGS


def is_free() -> bool:
    """Say whether another thread than this one could load something now."""

    def take() -> bool:
        taken = PATCHING.acquire(blocking=False)
        if taken:
            PATCHING.release()
        return taken

    with ThreadPoolExecutor(1) as others:
        return others.submit(take).result()


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str], list[bool]]:
    """Return what has a function note at each call whether others could load meanwhile."""

    def watch(owner: Any, name: str) -> list[bool]:
        seen: list[bool] = []
        function = getattr(owner, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            seen.append(is_free())
            return function(*args, **kwargs)

        monkeypatch.setattr(owner, name, watched)
        return seen

    return watch


def test_the_safety_checker_is_loaded_alone(
    tmp_path: Path, watch: Callable[[Any, str], list[bool]]
) -> None:
    path = build_checker(tmp_path)
    module = diffusers.pipelines.stable_diffusion.safety_checker
    seen = watch(module.StableDiffusionSafetyChecker, "from_pretrained")

    load_safety_checker(path)

    assert seen == [False]
    assert is_free()


def test_a_depth_model_is_loaded_alone(
    tmp_path: Path, watch: Callable[[Any, str], list[bool]]
) -> None:
    path = build_depth_model(tmp_path, "dpt")
    seen = watch(transformers.DPTForDepthEstimation, "from_pretrained")

    load_depth_estimator(path)

    assert seen == [False]
    assert is_free()


def test_an_adapter_is_put_in_and_started_while_nothing_loads(
    engine: Engine, tiny_source: ModelSource, watch: Callable[[Any, str], list[bool]]
) -> None:
    with engine.lend(tiny_source, dtype=torch.float32) as model:
        added = watch(peft, "inject_adapter_in_model")
        # After the load, which puts back what it found when it was imported.
        started = watch(torch.nn.init, "kaiming_uniform_")
        Adapter.put_in(model, SETTINGS)

    # peft draws first weights as well.
    assert added == [False]
    assert set(started) == {False}
    assert is_free()
