"""What guided a picture, on its page; what was refused, on the page of its receipt."""

from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.errors import ErrorCode
from apps.dashboard.guide_facts import guide_facts
from apps.generation.models import ContentAppeal, Job, JobState
from tests.factories import make_image, make_job

WEIGHTS = {"weights": {"own-1": {"name": "Ink", "kind": "lora", "sha256": "0"}}}


def shown(metadata: dict[str, Any]) -> list[str]:
    return [f"{fact.name}: {fact.value}" for fact in guide_facts(metadata)]


def test_models_are_shown_by_their_names() -> None:
    assert shown(
        {
            "loras": [{"model": "own-1", "weight": 0.5}, {"model": "gone", "weight": 1}],
            "high_res": {"scale": 2.0, "strength": 0.5, "upscaler": None},
            "vae": "soft",
            "seamless": ["x", "y"],
            "clip_skip": 2,
            "regions": [{"prompt": "a star", "mask": "…"}],
            "made_with": WEIGHTS,
        }
    ) == [
        "LoRAs: Ink · 0.5, gone · 1",
        "Second pass: 2.0 · 0.5",
        "Regions: a star",
        "VAE: soft",
        "Seamless along: x, y",
        "CLIP skip: 2",
    ]


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"loras": "x", "regions": {"prompt": 1}, "vae": 3, "seamless": "x", "clip_skip": "2"},
        {"loras": [1, None], "controls": [[]], "upscale": [], "made_with": "x", "refiner": 1},
        {"made_with": {"weights": [1]}},
    ],
)
def test_what_another_tool_wrote_breaks_nothing(metadata: dict[str, Any]) -> None:
    assert shown(metadata) == []


def test_loras_that_another_tool_names_are_shown_as_it_does() -> None:
    assert shown({"loras": [{"name": "ink", "weight": 0.7}]}) == ["LoRAs: ink · 0.7"]


@pytest.mark.django_db
def test_the_page_of_a_picture_tells_its_loras(browser_client: Client, user: User) -> None:
    image = make_image(
        user, prompt="x", loras=[{"model": "own-1", "weight": 0.5}], made_with=WEIGHTS
    )

    page = browser_client.get(f"/gallery/{image.image_name}/").content.decode()

    assert "Ink · 0.5" in page


@pytest.mark.django_db
def test_a_refusal_is_appealed_on_the_page_of_its_receipt_once(
    browser_client: Client, user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter)
    Job.objects.filter(id=job.id).update(
        state=JobState.FAILED, error_code=ErrorCode.CONTENT_REFUSED, finished_at=job.created_at
    )
    url = f"/usage/receipts/{job.id}/"
    assert "Why is the refusal wrong?" in browser_client.get(url).content.decode()

    assert browser_client.post(f"{url}appeal/", {"reason": "no"}).status_code == 422
    assert not ContentAppeal.objects.exists()
    answer = browser_client.post(f"{url}appeal/", {"reason": "It is a red circle."})

    assert (answer.status_code, answer["Location"]) == (302, url)
    page = browser_client.get(url).content.decode()
    assert "Your appeal is open." in page
    assert "Why is the refusal wrong?" not in page
    browser_client.post(f"{url}appeal/", {"reason": "It is a red circle."})
    assert ContentAppeal.objects.count() == 1
