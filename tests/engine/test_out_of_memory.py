from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gpu_tasks.engine import Engine, GenerationCancelled, ModelSource, OutOfMemory, StepProgress
from gpu_tasks.engine.libraries import torch
from tests.engine.conftest import MakeRequest

Raise = Callable[[], object]


def cuda_runs_out() -> None:
    raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def this_machine_runs_out() -> object:
    # 2^62 bytes: torch's own allocator refuses, really.
    return torch.empty(2**60, dtype=torch.float32)


@contextmanager
def part_that_fails(
    engine: Engine, source: ModelSource, part: str, *, calls: int, fail: Raise
) -> Iterator[list[tuple[int, ...]]]:
    """Let the first `calls` runs of a part fail; give the shapes that it was called with."""
    shapes: list[tuple[int, ...]] = []

    def hook(module: object, arguments: tuple[Any, ...], output: object) -> None:
        shapes.append(tuple(arguments[0].shape))
        if len(shapes) <= calls:
            fail()

    with engine.hold(source) as model:
        handle = model.components[part].register_forward_hook(hook)
        try:
            yield shapes
        finally:
            handle.remove()


@pytest.mark.parametrize("fail", [cuda_runs_out, this_machine_runs_out])
def test_a_second_try_is_made_one_row_at_a_time(
    engine: Engine, source: ModelSource, make_request: MakeRequest, fail: Raise
) -> None:
    request = make_request(source, num_images=2, scheduler="ddim")
    plenty = engine.generate(request, source=source)
    steps: list[tuple[int | None, int]] = []
    fractions: list[float] = []

    def on_step(progress: StepProgress) -> None:
        steps.append((progress.image_index, progress.step))
        fractions.append(progress.fraction)
        assert progress.preview().size == (16, 16)

    with part_that_fails(engine, source, "unet", calls=1, fail=fail) as shapes:
        result = engine.generate(request, source=source, on_step=on_step)

    assert result.memory_saved is True
    assert result.seeds == (7, 8)
    assert shapes == [(4, 4, 16, 16)] + [(1, 4, 16, 16)] * 12
    assert steps == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)]
    assert fractions == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1])
    for sparing, before in zip(result.images, plenty.images, strict=True):
        difference = np.asarray(sparing, dtype=np.int16) - np.asarray(before, dtype=np.int16)
        assert np.abs(difference).max() <= 2


def test_img2img_gets_its_second_try_too(
    engine: Engine, source: ModelSource, make_request: MakeRequest
) -> None:
    request = make_request(
        source, num_images=2, init_image=Image.new("RGB", (128, 128), "navy"), strength=0.7
    )

    with part_that_fails(engine, source, "unet", calls=1, fail=cuda_runs_out):
        result = engine.generate(request, source=source)

    assert [image.size for image in result.images] == [(128, 128)] * 2


@pytest.mark.parametrize("fail", [cuda_runs_out, this_machine_runs_out])
def test_running_out_twice_is_an_error_with_advice(
    engine: Engine, tiny_source: ModelSource, make_request: MakeRequest, fail: Raise
) -> None:
    with (
        part_that_fails(engine, tiny_source, "unet", calls=2, fail=fail) as shapes,
        pytest.raises(OutOfMemory, match="a smaller size or fewer pictures") as caught,
    ):
        engine.generate(make_request(tiny_source), source=tiny_source)

    assert len(shapes) == 2
    assert caught.value.code == "out_of_memory"
    assert "memory" in caught.value.reason


def test_the_next_request_runs_as_if_nothing_had_happened(
    engine: Engine, tiny_source: ModelSource, make_request: MakeRequest
) -> None:
    source = tiny_source
    request = make_request(source, num_images=2, scheduler="dpmpp_2m_sde", width=192)
    before = engine.generate(request, source=source)

    with part_that_fails(engine, source, "unet", calls=1, fail=cuda_runs_out):
        engine.generate(request, source=source)
    with (
        part_that_fails(engine, source, "unet", calls=2, fail=cuda_runs_out),
        pytest.raises(OutOfMemory),
    ):
        engine.generate(request, source=source)
    after = engine.generate(request, source=source)

    assert after.memory_saved is False
    assert [i.tobytes() for i in after.images] == [i.tobytes() for i in before.images]
    with engine.hold(source) as model:
        vae = model.components["vae"]
        assert (vae.use_slicing, vae.use_tiling) == (False, False)


def test_models_that_are_not_in_use_are_dropped_before_the_second_try(
    tiny_source: ModelSource, other_source: ModelSource, make_request: MakeRequest
) -> None:
    engine = Engine(device="cpu")
    engine.preload(other_source)

    with part_that_fails(engine, tiny_source, "unet", calls=1, fail=cuda_runs_out):
        assert engine.loaded_models == ["other", "tiny"]
        engine.generate(make_request(tiny_source), source=tiny_source)

    assert engine.loaded_models == ["tiny"]


def test_a_cancel_between_pictures_keeps_those_that_are_finished(
    engine: Engine, tiny_source: ModelSource, make_request: MakeRequest
) -> None:
    request = make_request(tiny_source, num_images=3)
    steps: list[tuple[int | None, int]] = []

    with (
        part_that_fails(engine, tiny_source, "unet", calls=1, fail=cuda_runs_out),
        pytest.raises(GenerationCancelled) as caught,
    ):
        engine.generate(
            request,
            source=tiny_source,
            on_step=lambda progress: steps.append((progress.image_index, progress.step)),
            is_cancelled=lambda: (1, 2) in steps,
        )

    assert steps[-1] == (1, 2)
    assert [image.size for image in caught.value.images] == [(128, 128)]
    assert caught.value.seeds == (7,)


def test_an_error_that_is_not_about_memory_gets_no_second_try(
    engine: Engine, tiny_source: ModelSource, make_request: MakeRequest
) -> None:
    def break_down() -> None:
        raise RuntimeError("CUDA error: device-side assert triggered")

    with (
        part_that_fails(engine, tiny_source, "unet", calls=9, fail=break_down) as shapes,
        pytest.raises(RuntimeError, match="device-side assert"),
    ):
        engine.generate(make_request(tiny_source), source=tiny_source)

    assert len(shapes) == 1


@pytest.mark.parametrize(("failures", "succeeds"), [(1, True), (2, False)])
def test_loading_is_tried_again_without_the_other_models(
    monkeypatch: pytest.MonkeyPatch,
    tiny_source: ModelSource,
    other_source: ModelSource,
    failures: int,
    succeeds: bool,
) -> None:
    engine = Engine(device="cpu")
    engine.preload(other_source)
    calls = 0

    def move(module: torch.nn.Module, *args: Any, **kwargs: Any) -> torch.nn.Module:
        nonlocal calls
        calls += 1
        if calls <= failures:
            cuda_runs_out()
        return to(module, *args, **kwargs)

    to = torch.nn.Module.to
    monkeypatch.setattr(torch.nn.Module, "to", move)

    if succeeds:
        engine.preload(tiny_source)
        assert engine.loaded_models == ["tiny"]
    else:
        with pytest.raises(OutOfMemory, match="not enough memory for this model"):
            engine.preload(tiny_source)
        assert engine.loaded_models == []
