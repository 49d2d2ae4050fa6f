"""Which calls of a pipeline a request takes, free of torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gpu_tasks.engine.pictures.canvas import Box
from gpu_tasks.engine.request import MIN_SIZE, GenerationRequest
from gpu_tasks.engine.tasks_of_calls import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan:
    """One call: what it does, its size in pixels, and the steps that it runs.

    `strength` is None for a call that starts from nothing. `tile` is the part (left, top, right,
    bottom) of the whole that it works over. `by_refiner` says that the refiner makes it.
    """

    task: Task
    width: int
    height: int
    steps: int
    strength: float | None = None
    tile: Box | None = None
    by_refiner: bool = False

    @property
    def denoising_steps(self) -> int:
        if self.strength is None:
            return self.steps
        return min(int(self.steps * self.strength), self.steps)


def plan_calls(
    request: GenerationRequest, *, size_multiple: int, tiles: Sequence[Box] = ()
) -> list[CallPlan]:
    """Return the calls in their order; those that would run no step are left out.

    `tiles` are those of an upscale.
    """
    calls = [*_first_calls(request, size_multiple=size_multiple, tiles=tiles)]
    if request.refiner is not None:
        # Within the mask alone, where there is one.
        is_filled = request.mask is not None or request.outpaint is not None
        task = Task.INPAINT if is_filled else Task.IMG2IMG
        calls.append(_whole(request, task, strength=request.refiner_strength, by_refiner=True))
    return [call for call in calls if call.denoising_steps > 0]


def _first_calls(
    request: GenerationRequest, *, size_multiple: int, tiles: Sequence[Box]
) -> list[CallPlan]:
    if request.upscale is not None:
        return [
            CallPlan(
                task=Task.IMG2IMG,
                width=tile.width,
                height=tile.height,
                steps=request.steps,
                strength=request.upscale.strength,
                tile=tile,
            )
            for tile in tiles
        ]
    if request.mask is not None or request.outpaint is not None:
        return [_whole(request, Task.INPAINT, strength=request.denoise_strength)]
    if request.init_image is not None:
        return [_whole(request, Task.IMG2IMG, strength=request.denoise_strength)]
    if request.references:
        return [_whole(request, Task.REFERENCE)]
    if request.high_res is None:
        return [_whole(request, Task.TXT2IMG)]
    least = -(-MIN_SIZE // size_multiple)
    small = [
        max(round(size / request.high_res.scale / size_multiple), least) * size_multiple
        for size in (request.width, request.height)
    ]
    return [
        CallPlan(task=Task.TXT2IMG, width=small[0], height=small[1], steps=request.steps),
        _whole(request, Task.IMG2IMG, strength=request.high_res.strength),
    ]


def _whole(
    request: GenerationRequest,
    task: Task,
    *,
    strength: float | None = None,
    by_refiner: bool = False,
) -> CallPlan:
    return CallPlan(
        task=task,
        width=request.width,
        height=request.height,
        steps=request.steps,
        strength=strength,
        by_refiner=by_refiner,
    )
