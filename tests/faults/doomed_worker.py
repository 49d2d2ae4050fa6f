"""A worker that something happens to at one moment of a job: `python -m tests.faults.doomed_worker
POINT …`, and what follows is Celery's.

Everything else in it is the product's. `DEATHS` end it as `kill -9` does; `CLOCKS` set its clock.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

Happening = Callable[[], None]

RUNNER = "gpu_tasks.runner.jobs"
RESULTS = "apps.generation.services.results"
IMAGES = "apps.images.services.pictures"


def _die(*_args: Any, **_kwargs: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _wrap(place: str, name: str, wrapper: Callable[[Any], Any]) -> None:
    owner: Any = import_module(place.partition(":")[0])
    for part in place.partition(":")[2].split("."):
        owner = getattr(owner, part) if part else owner
    setattr(owner, name, wrapper(getattr(owner, name)))


def _before(place: str, name: str, when: Callable[..., bool] = lambda *_, **__: True) -> Happening:
    def wrapper(function: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            if when(*args, **kwargs):
                _die()
            return function(*args, **kwargs)

        return call

    return lambda: _wrap(place, name, wrapper)


def _after(place: str, name: str, when: Callable[..., bool] = lambda *_, **__: True) -> Happening:
    def wrapper(function: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            answer = function(*args, **kwargs)
            # A claim that found nothing is none.
            if answer is not None and when(*args, **kwargs):
                _die()
            return answer

        return call

    return lambda: _wrap(place, name, wrapper)


def _in_mid_load() -> None:
    # Nothing is loaded beforehand, and the first load is the job's.
    _wrap("gpu_tasks.engine:Engine", "warm_up", lambda _function: lambda *_: 0.0)
    _before("gpu_tasks.engine:Engine", "_load")()


def _in_a_renewal() -> None:
    """Die between the statement that prolongs the lease and its commit."""

    def wrapper(function: Any) -> Any:
        def call(*, renew: bool = False, **kwargs: Any) -> Any:
            with import_module("django.db.transaction").atomic():
                states = function(renew=renew, **kwargs)
                if renew:
                    _die()
            return states

        return call

    _wrap("gpu_tasks.runner.lease", "watch_leases", wrapper)


def _is_thumbnail(keys: Sequence[str], *_: Any) -> bool:
    return "/thumbnails/" in keys[0]


def _is_picture(keys: Sequence[str], *_: Any) -> bool:
    return "/thumbnails/" not in keys[0]


def _at_step(number: int) -> Callable[..., bool]:
    return lambda _self, step: bool(step.step == number or (number < 0 and step.fraction >= 1))


REPORTER = "gpu_tasks.runner.progress:ProgressReporter"

DEATHS: dict[str, Happening] = {
    "woken and unclaimed": _before(RUNNER, "claim_next_job"),
    "claimed": _after(RUNNER, "claim_next_job"),
    "loading": _in_mid_load,
    "mid-step": _before(REPORTER, "report", _at_step(3)),
    "last step": _before(REPORTER, "report", _at_step(-1)),
    "picture being written": _before(IMAGES, "_write", _is_picture),
    "thumbnail being written": _before(IMAGES, "_write", _is_thumbnail),
    "files written and row not": _after("gpu_tasks.runner.attempt:Attempt", "_store"),
    "inside the final transaction": _after(RESULTS, "settle_hold"),
    "after its commit": _before(RESULTS, "_after_end"),
    "during a renewal": _in_a_renewal,
}


NODES = "gpu_tasks.runner.node_reports:NodeReporter"

# Of a run of a workflow, beside those.
WORKFLOW_DEATHS: dict[str, Happening] = {
    "within a node": _before(NODES, "report", lambda _self, state: 0 < state.fraction < 1),
    "between two nodes": _before(NODES, "report", lambda _self, state: state.node == "save_1"),
    "pictures of nodes written and rows not": _after(
        "gpu_tasks.runner.workflows:WorkflowAttempt", "_store_kept"
    ),
    "inside the final transaction": _after(RESULTS, "settle_hold"),
}

TRAINING_RESULTS = "apps.training.services.results"
TRAINING_REPORTER = "gpu_tasks.runner.training_reports:TrainingReporter"


def _is_at(number: int) -> Callable[..., bool]:
    return lambda _self, step, *_: bool(step == number)


# Of a training of ten steps, which keeps a checkpoint of each.
TRAINING_DEATHS: dict[str, Happening] = {
    "in mid training": _before(TRAINING_REPORTER, "note_step", _is_at(7)),
    "checkpoint written and row not": _after(TRAINING_RESULTS, "write_checkpoint"),
    "lora stored and not entered": _before(TRAINING_RESULTS, "finish_job"),
}


def _clock(step: timedelta) -> Happening:
    def set_clock() -> None:
        timezone: Any = import_module("django.utils.timezone")
        timezone.now = lambda: datetime.now(tz=timezone.get_default_timezone()) + step

    return set_clock


CLOCKS: dict[str, Happening] = {
    "clock an hour fast": _clock(timedelta(hours=1)),
    "clock an hour slow": _clock(timedelta(hours=-1)),
}


def main() -> None:
    point, *arguments = sys.argv[1:]
    from config.celery import app

    import_module("django").setup()
    import_module("gpu_tasks.tasks")
    {**DEATHS, **WORKFLOW_DEATHS, **TRAINING_DEATHS, **CLOCKS}[point]()
    app.worker_main(arguments)


if __name__ == "__main__":
    main()
