"""What a training costs is told before: by plan first, then by what earlier trainings took."""

import math
from typing import Any
from unittest.mock import patch

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.credits.costs import ENOUGH, Shape
from apps.credits.models import ActionType, Hold, MeasuredCost
from apps.credits.services.costs import measure_costs
from apps.credits.services.usage import record_generation
from apps.plans.tiers import GpuTier
from apps.training.models import TrainingSet
from apps.training.quotes import TrainingLoad, quote_training, teaches
from gpu_tasks.training.lora.estimates import seconds_for
from gpu_tasks.training.lora.settings import TrainingSettings
from tests.factories import make_job
from tests.lora_training.factories import api_of, body, make_set

URL = "/api/v1/training/quote"


def quoted(user: User, found: TrainingSet, **settings: Any) -> dict[str, Any]:
    answer = api_of(user).post(URL, body(found, **settings), format="json")
    assert answer.status_code == 200, answer.json()
    said: dict[str, Any] = answer.json()
    return said


def teach(user: User, starter: GenerationModel, *, seconds: float, steps: int = 10) -> None:
    """Have as many trainings measured as a quote is founded on."""
    for _number in range(ENOUGH):
        record_generation(
            user_id=user.id,
            job_id=make_job(user, starter).id,
            api_key_id=None,
            model=starter.key,
            tier=GpuTier.DEDICATED,
            shape=Shape(64, 64, steps, 1),
            is_whole=True,
            compute_seconds=seconds,
            quoted=1,
            charged=1,
            action=ActionType.TRAINING,
        )
    measure_costs()


def test_a_first_quote_follows_the_planning_figure(trainer: User, discs: TrainingSet) -> None:
    said = quoted(trainer, discs, steps=5000, resolution=256)

    settings = TrainingSettings.from_dict(said["settings"])
    expected = seconds_for(settings, 3, 5.0)
    assert said["basis"] == "planned"
    assert said["seconds"] == pytest.approx(expected, abs=0.01)
    assert said["credits"] == math.ceil(1.15 * expected)
    assert said["settings"]["alpha"] == said["settings"]["rank"] == 2
    assert not Hold.objects.exists()


def test_later_quotes_follow_the_seconds_a_step_of_earlier_trainings(
    trainer: User, discs: TrainingSet, starter: GenerationModel
) -> None:
    teach(trainer, starter, seconds=30.0)

    same = quoted(trainer, discs)
    longer = quoted(trainer, discs, steps=40)

    assert (same["basis"], same["seconds"]) == ("measured", 30.0)
    assert (longer["basis"], longer["seconds"]) == ("scaled", 120.0)
    # What trainings take says nothing about pictures.
    assert set(MeasuredCost.objects.values_list("model", flat=True)) == {"training/starter"}


def test_what_keeps_the_model_to_itself_costs_more_than_a_plain_one(
    trainer: User, discs: TrainingSet, starter: GenerationModel
) -> None:
    teach(trainer, starter, seconds=30.0)

    plain = quoted(trainer, discs, steps=2000, resolution=256)
    kept = quoted(trainer, discs, steps=2000, resolution=256, preservation=1)

    # Two losses a step for one.
    assert 1.8 < kept["seconds"] / plain["seconds"] < 2.4


@pytest.mark.parametrize(
    ("more", "least", "most"),
    [
        # 4 passes a step; 50 rounds of 4 prompts take 40 each.
        ({"sample_every": 40, "sample_prompts": ["a", "b", "c", "d"]}, 1.5, 1.9),
        ({"sample_every": 125, "trains_convolutions": True}, 1.1, 1.3),
        (
            {"sample_every": 125, "trains_convolutions": True, "trains_text_encoder": True},
            1.4,
            1.6,
        ),
    ],
    ids=["samples", "convolutions", "text-encoder"],
)
def test_what_is_done_beside_the_usual_costs_more_once_trainings_are_measured(
    trainer: User,
    discs: TrainingSet,
    starter: GenerationModel,
    more: dict[str, Any],
    least: float,
    most: float,
) -> None:
    teach(trainer, starter, seconds=30.0)

    plain = quoted(trainer, discs, steps=2000, resolution=256)
    other = quoted(trainer, discs, steps=2000, resolution=256, **more)

    assert least < other["seconds"] / plain["seconds"] < most
    assert other["basis"] == "scaled"


def load_of(images: int = 3, **settings: Any) -> TrainingLoad:
    return TrainingLoad(settings=TrainingSettings(resolution=256, **settings), images=images)


def test_many_pictures_cost_more_once_trainings_are_measured(
    trainer: User, starter: GenerationModel
) -> None:
    teach(trainer, starter, seconds=30.0)

    few, many = (
        quote_training(
            user=trainer,
            model=starter,
            tier=GpuTier.DEDICATED,
            load=load_of(images, steps=100, flip=True),
        ).quote
        for images in (3, 200)
    )

    # To encode them takes twice the passes of the steps.
    assert many.seconds > 1.5 * few.seconds


def test_only_usual_trainings_tell_what_others_take(starter: GenerationModel) -> None:
    prompts = ("a", "b")
    usual = load_of(sample_every=125, steps=1000, sample_prompts=prompts)
    others = (
        load_of(sample_every=20, steps=1000, sample_prompts=prompts),
        load_of(steps=1000, trains_convolutions=True, trains_text_encoder=True),
        load_of(steps=1000, trigger="zorg", preservation=1.0),
        load_of(200, steps=100, flip=True),
    )

    assert teaches(starter, usual)
    assert teaches(starter, load_of(steps=1000))
    assert [teaches(starter, each) for each in others] == [False] * 4


def test_values_that_cannot_be_are_named(trainer: User, discs: TrainingSet) -> None:
    api = api_of(trainer)
    for field, value in {
        "steps": 5,
        "rank": 0,
        "learning_rate": 1,
        "resolution": 4096,
        "model": "nothing",
        "sample_prompts": ["x"] * 5,
        "trigger": "x" * 101,
    }.items():
        answer = api.post(URL, body(discs, **{field: value}), format="json")
        assert answer.status_code == 422, field
        assert [name.split(".")[0] for name in answer.json()["invalid_fields"]] == [field]


def test_a_weight_that_no_prompt_may_have_is_refused_and_one_in_a_caption_is_text(
    trainer: User, discs: TrainingSet
) -> None:
    discs.pictures.update(caption="a disc (scale:10)")

    refused = api_of(trainer).post(
        URL, body(discs, sample_prompts=["fine", "a disc (scale:10)"]), format="json"
    )
    said = quoted(trainer, discs)

    assert (refused.status_code, list(refused.json()["invalid_fields"])) == (
        422,
        ["sample_prompts"],
    )
    assert said["settings"]["sample_prompts"] == ["zorg, a disc \\(scale:10\\)"]


def test_there_are_not_more_rounds_of_samples_than_there_may_be(
    trainer: User, discs: TrainingSet
) -> None:
    api = api_of(trainer)

    answers = [
        api.post(URL, body(discs, steps=10_000, sample_every=every), format="json")
        for every in (196, 197)
    ]

    assert [answer.status_code for answer in answers] == [422, 200]
    said = answers[0].json()
    assert said["invalid_fields"] == ["sample_every"]
    assert "at least 197 steps" in str(said)


def test_a_resolution_must_fit_the_model(trainer: User, discs: TrainingSet) -> None:
    answer = api_of(trainer).post(URL, body(discs, resolution=100), format="json")

    assert (answer.status_code, answer.json()["invalid_fields"]) == (422, ["resolution"])


def test_a_model_that_cannot_be_trained_is_refused(
    trainer: User, discs: TrainingSet, starter: GenerationModel
) -> None:
    starter.base = "flux-1"
    starter.save()

    answer = api_of(trainer).post(URL, body(discs, model="starter"), format="json")

    assert (answer.status_code, answer.json()["invalid_fields"]) == (422, ["model"])


def test_a_stranger_and_another_plan_get_no_quote(
    trainer: User, discs: TrainingSet, stranger: User, stranger_api: APIClient
) -> None:
    assert stranger_api.post(URL, body(discs), format="json").status_code == 404
    with patch("apps.training.services.sets.require_training"):
        theirs = make_set(stranger)
    answer = stranger_api.post(URL, body(theirs), format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "feature_not_in_plan")
