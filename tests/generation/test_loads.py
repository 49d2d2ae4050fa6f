"""What a generation is counted as, in plain ones of its model."""

from typing import Any

import pytest

from apps.accounts.models import User
from apps.catalog.models import GenerationModel, ModelKind
from apps.credits.costs import Shape, work
from apps.credits.models import UsageRecord
from apps.generation.loads import load_of
from apps.generation.parameters import GenerationParameters
from apps.generation.services.results import finish_job
from tests.factories import make_image, make_job
from tests.generation.add_ons import make_add_on
from tests.generation.turns import claimed

PLAIN: dict[str, Any] = {
    "prompt": "x",
    "negative_prompt": "",
    "width": 1024,
    "height": 1024,
    "steps": 20,
    "guidance_scale": 7.0,
    "scheduler": "euler",
    "seed": 1,
    "num_images": 1,
    "init_image": None,
    "strength": None,
}
CONTROL = {"model": "c", "kind": "controlnet", "image": "i", "preprocessor": "none"}


def works(**settings: Any) -> float:
    load = load_of(GenerationParameters.from_json(PLAIN | settings), base="sd-1.5-class")
    return load.factor * work(load.shape)


def test_a_plain_job_is_its_own_measure() -> None:
    load = load_of(GenerationParameters.from_json(PLAIN), base="sd-1.5-class")

    assert load.shape == Shape(1024, 1024, 20, 1)
    assert load.teaches


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"init_image": "i", "strength": 0.5}, 0.5),
        ({"num_images": 2}, 2**0.7),
        # Half of the steps at a quarter of the pixels, then half of them at all.
        ({"high_res": {"scale": 2.0, "strength": 0.5}}, 0.25**0.7 + 0.5),
        ({"loras": [{"model": "l", "weight": 1.0}]}, 1.0),
        ({"controls": [CONTROL]}, 1.4),
        ({"controls": [CONTROL | {"end": 0.5}]}, 1.2),
        ({"regions": [{"prompt": "a", "mask": "m"}] * 2}, 2.0),
        ({"guidance_scale": 1.0}, 0.6),
        ({"refiner": {"model": "r", "strength": 0.25}}, 1.25),
        # 2 × 2 tiles of 512 pixels in half of the steps.
        (
            {
                "init_image": "i",
                "upscale": {"strength": 0.5, "tile": 512, "overlap": 0},
            },
            4 * 0.25**0.7 * 0.5,
        ),
    ],
)
def test_what_is_run_is_counted(settings: dict[str, Any], expected: float) -> None:
    assert works(**settings) == pytest.approx(expected, rel=0.001)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("settings", "teaches"), [({}, True), ({"loras": [{"model": "l"}]}, False)]
)
def test_only_plain_jobs_teach_what_their_kind_takes_and_none_costs_more_than_it_held(
    user: User, starter: GenerationModel, settings: dict[str, Any], *, teaches: bool
) -> None:
    make_add_on("l", ModelKind.LORA)
    make_image(user)
    make_job(user, starter, **settings)
    job = claimed()

    finish_job(
        user_id=user.id, job_id=job.id, attempt=job.attempt, pictures=[], compute_seconds=100.0
    )

    usage = UsageRecord.objects.get()
    assert not usage.is_whole
    assert usage.credits_consumed == usage.credits_quoted
    load = load_of(job.settings, base=starter.base)
    assert load.teaches == teaches
