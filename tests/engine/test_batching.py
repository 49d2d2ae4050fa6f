"""Requests of several people in one forward pass: nobody notices the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from PIL import Image

from gpu_tasks.engine import (
    Engine,
    GenerationCancelled,
    GenerationRequest,
    GenerationResult,
    InvalidRequest,
    ModelSource,
    OutOfMemory,
    PassMember,
    StepProgress,
)
from gpu_tasks.engine.scheduler_names import SCHEDULER_NAMES
from tests.engine.conftest import MakeRequest
from tests.engine.test_out_of_memory import cuda_runs_out, part_that_fails

# Sums are added up in another order in a batch; two levels of 255 is rounding.
ROUNDING = 2


def differences(ones: Sequence[Image.Image], others: Sequence[Image.Image]) -> list[int]:
    return [
        int(np.abs(np.asarray(one, dtype=np.int16) - np.asarray(other, dtype=np.int16)).max())
        for one, other in zip(ones, others, strict=True)
    ]


def together(
    engine: Engine, source: ModelSource, *members: GenerationRequest | PassMember
) -> list[GenerationResult | Exception]:
    return engine.generate_together(
        [one if isinstance(one, PassMember) else PassMember(request=one) for one in members],
        source=source,
    )


def result(outcome: GenerationResult | Exception) -> GenerationResult:
    assert isinstance(outcome, GenerationResult), outcome
    return outcome


def three_requests(make_request: MakeRequest, source: ModelSource) -> list[GenerationRequest]:
    return [
        make_request(source, prompt="a red circle on a white background", seed=7),
        make_request(
            source, prompt="a blue star", negative_prompt="red", seed=2**32 - 1, num_images=2
        ),
        make_request(source, prompt="눈 덮인 산", seed=7),
    ]


class CancelAfter:
    """Want to stop once `steps` steps were seen."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.seen = 0

    def on_step(self, progress: StepProgress) -> None:
        self.seen = progress.step

    def __call__(self) -> bool:
        return self.seen >= self.steps

    def of(self, request: GenerationRequest) -> PassMember:
        return PassMember(request=request, on_step=self.on_step, is_cancelled=self)


def test_a_picture_does_not_depend_on_what_it_was_batched_with(
    engine: Engine, source: ModelSource, make_request: MakeRequest
) -> None:
    requests = three_requests(make_request, source)
    alone = {one: engine.generate(one, source=source).images for one in requests}

    for order in permutations(requests):
        outcomes = together(engine, source, *order)
        for request, outcome in zip(order, outcomes, strict=True):
            assert result(outcome).seeds == request.seeds
            assert max(differences(result(outcome).images, alone[request])) <= ROUNDING


@pytest.mark.parametrize("scheduler", SCHEDULER_NAMES)
@pytest.mark.parametrize("evaluations", [1, 2])
def test_whoever_is_cancelled_leaves_and_the_others_do_not_notice(
    engine: Engine,
    tiny_source: ModelSource,
    make_request: MakeRequest,
    scheduler: str,
    evaluations: int,
) -> None:
    stays, leaves, too = (
        replace(one, scheduler=scheduler) for one in three_requests(make_request, tiny_source)
    )
    alone = [engine.generate(one, source=tiny_source) for one in (stays, too)]
    asked = 0

    def in_the_middle() -> bool:
        nonlocal asked
        asked += 1
        # Before the model is there and before the first step, and then at each evaluation, so
        # also within the steps of solvers that evaluate twice in one.
        return asked == evaluations + 2

    with part_that_fails(engine, tiny_source, "unet", calls=0, fail=cuda_runs_out) as shapes:
        outcomes = together(
            engine,
            tiny_source,
            stays,
            PassMember(request=leaves, is_cancelled=in_the_middle),
            too,
        )

    assert [shape[0] for shape in shapes] == [8] * evaluations + [4] * (len(shapes) - evaluations)
    cancelled = outcomes.pop(1)
    assert isinstance(cancelled, GenerationCancelled)
    assert (cancelled.images, cancelled.seeds) == ((), ())
    for outcome, before in zip(outcomes, alone, strict=True):
        assert max(differences(result(outcome).images, before.images)) <= ROUNDING


def test_start_pictures_are_each_requests_own(
    engine: Engine, tiny_source: ModelSource, make_request: MakeRequest
) -> None:
    requests = [
        make_request(
            tiny_source,
            init_image=Image.new("RGB", size, color),
            strength=0.7,
            num_images=pictures,
            steps=4,
        )
        for size, color, pictures in [((128, 128), "navy", 1), ((300, 200), "orange", 2)]
    ]
    alone = [engine.generate(one, source=tiny_source) for one in requests]

    outcomes = together(engine, tiny_source, *requests)

    for outcome, before in zip(outcomes, alone, strict=True):
        assert max(differences(result(outcome).images, before.images)) <= ROUNDING


def test_the_pass_ends_when_everybody_was_cancelled(
    engine: Engine, tiny_source: ModelSource, make_request: MakeRequest
) -> None:
    first, _two, third = three_requests(make_request, tiny_source)

    with part_that_fails(engine, tiny_source, "unet", calls=0, fail=cuda_runs_out) as shapes:
        outcomes = together(engine, tiny_source, CancelAfter(1).of(first), CancelAfter(2).of(third))

    assert [shape[0] for shape in shapes] == [4, 2]
    seconds = []
    for outcome in outcomes:
        assert isinstance(outcome, GenerationCancelled)
        seconds.append(outcome.compute_seconds)
    assert 0 < seconds[0] < seconds[1]


def test_one_cancelled_before_the_start_takes_no_part(
    engine: Engine, tiny_source: ModelSource, make_request: MakeRequest
) -> None:
    first, _two, third = three_requests(make_request, tiny_source)

    with part_that_fails(engine, tiny_source, "unet", calls=0, fail=cuda_runs_out) as shapes:
        gone, made = together(engine, tiny_source, CancelAfter(0).of(first), third)

    assert {shape[0] for shape in shapes} == {2}
    assert isinstance(gone, GenerationCancelled)
    assert gone.compute_seconds == 0
    assert len(result(made).images) == 1


def test_each_hears_of_its_own_steps_and_sees_its_own_preview(
    engine: Engine, tiny_source: ModelSource, make_request: MakeRequest
) -> None:
    requests = three_requests(make_request, tiny_source)

    def watched(run: Callable[[list[PassMember]], object]) -> list[list[Image.Image]]:
        previews: list[list[Image.Image]] = [[] for _ in requests]
        steps: list[list[tuple[int, int, int]]] = [[] for _ in requests]

        def watch(place: int) -> Callable[[StepProgress], None]:
            def on_step(progress: StepProgress) -> None:
                previews[place].append(progress.preview())
                steps[place].append((progress.step, progress.total, progress.images_total))

            return on_step

        run([PassMember(request=r, on_step=watch(i)) for i, r in enumerate(requests)])
        assert steps == [[(step, 3, r.num_images) for step in (1, 2, 3)] for r in requests]
        return previews

    shared = watched(lambda members: engine.generate_together(members, source=tiny_source))
    alone = watched(
        lambda members: [engine.generate_together([m], source=tiny_source) for m in members]
    )

    for ones, others in zip(shared, alone, strict=True):
        assert max(differences(ones, others)) <= ROUNDING


def test_the_seconds_of_a_pass_are_shared_by_pictures_and_time(
    engine: Engine,
    tiny_source: ModelSource,
    make_request: MakeRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A clock that moves by a second at each evaluation, and by half a one for the decoding."""
    clock = 0.0
    monkeypatch.setattr("gpu_tasks.engine.passengers.time.perf_counter", lambda: clock)
    one, two, three = (
        replace(r, steps=3, scheduler="ddim") for r in three_requests(make_request, tiny_source)
    )

    def tick(seconds: float) -> Callable[..., None]:
        def move(*_: object) -> None:
            nonlocal clock
            clock += seconds

        return move

    with engine.hold(tiny_source) as model:
        hooks = [
            model.components["unet"].register_forward_hook(tick(1.0)),
            model.components["vae"].decoder.register_forward_hook(tick(0.5)),
        ]
        outcomes = together(engine, tiny_source, one, two, CancelAfter(1).of(three))
        for hook in hooks:
            hook.remove()

    shares = [
        outcome.compute_seconds
        for outcome in outcomes
        if isinstance(outcome, GenerationResult | GenerationCancelled)
    ]
    # One of four pictures for a step, then of three for two steps and the decoding.
    assert shares == pytest.approx([1 / 4 + 2.5 / 3, 2 / 4 + 2.5 * 2 / 3, 1 / 4])
    assert sum(shares) == pytest.approx(3.5)


def test_each_hears_of_its_end_as_soon_as_it_is_known(
    engine: Engine, tiny_source: ModelSource, make_request: MakeRequest
) -> None:
    first, _two, third = three_requests(make_request, tiny_source)
    heard: list[tuple[str, int]] = []
    steps = 0

    def count(progress: StepProgress) -> None:
        nonlocal steps
        steps = progress.step

    def hear(name: str) -> Callable[[GenerationResult | Exception], None]:
        return lambda end: heard.append((f"{name} {type(end).__name__}", steps))

    together(
        engine,
        tiny_source,
        PassMember(request=first, on_step=count, on_end=hear("first")),
        replace(CancelAfter(1).of(third), on_end=hear("third")),
    )

    assert heard == [("third GenerationCancelled", 1), ("first GenerationResult", 3)]


def test_a_fault_in_ones_own_callback_is_nobody_elses(
    engine: Engine, tiny_source: ModelSource, make_request: MakeRequest
) -> None:
    first, _two, third = three_requests(make_request, tiny_source)

    def broken(_progress: StepProgress) -> None:
        raise ZeroDivisionError

    with part_that_fails(engine, tiny_source, "unet", calls=0, fail=cuda_runs_out) as shapes:
        failed, made = together(
            engine, tiny_source, PassMember(request=first, on_step=broken), third
        )

    assert isinstance(failed, ZeroDivisionError)
    assert len(result(made).images) == 1
    assert [shape[0] for shape in shapes] == [4, 2, 2]


def break_down() -> None:
    raise RuntimeError("a kernel that cannot do it")


@pytest.mark.parametrize("fail", [cuda_runs_out, pytest.param(break_down, marks=pytest.mark.slow)])
def test_a_pass_that_fails_is_made_one_by_one(
    engine: Engine, source: ModelSource, make_request: MakeRequest, fail: Callable[[], object]
) -> None:
    requests = three_requests(make_request, source)
    alone = [engine.generate(one, source=source) for one in requests]

    with part_that_fails(engine, source, "unet", calls=1, fail=fail) as shapes:
        outcomes = together(engine, source, *requests)

    assert [shape[0] for shape in shapes] == [8] + [2] * 3 + [4] * 3 + [2] * 3
    for outcome, before in zip(outcomes, alone, strict=True):
        assert not result(outcome).memory_saved
        assert result(outcome).images == before.images


def test_only_what_does_not_fit_alone_fails(
    engine: Engine, tiny_source: ModelSource, make_request: MakeRequest
) -> None:
    """The pass runs out, then the first request does twice: plainly and sparingly."""
    first, _two, third = three_requests(make_request, tiny_source)

    with part_that_fails(engine, tiny_source, "unet", calls=3, fail=cuda_runs_out) as shapes:
        failed, made = together(engine, tiny_source, first, third)

    assert [shape[0] for shape in shapes] == [4, 2, 1, 2, 2, 2]
    assert isinstance(failed, OutOfMemory)
    assert len(result(made).images) == 1


@pytest.mark.parametrize(
    "change", [{"width": 64}, {"steps": 4}, {"guidance_scale": 2.0}, {"scheduler": "ddim"}]
)
def test_requests_that_are_not_alike_are_refused(
    engine: Engine, tiny_source: ModelSource, make_request: MakeRequest, change: dict[str, object]
) -> None:
    one, other = make_request(tiny_source), make_request(tiny_source, **change)

    with pytest.raises(InvalidRequest):
        together(engine, tiny_source, one, other)
